//! Resend.

use crate::signature::standard;
use crate::signature::{Place, Scheme};

/// Resend: Standard Webhooks with the headers of Svix, and none else. Id and time are signed.
///
/// Source: <https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests>
pub static RESEND: Scheme =
    standard::dialect("resend", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests")
        .signature(standard::SVIX)
        .signed_id(&[Place::Header("svix-id")]);
