//! Resend.

use std::time::Duration;

use crate::signature::standard;
use crate::signature::{Fact, Place, Retries, Scheme};

/// Resend: Standard Webhooks with the headers of Svix, and none else. Id and time are signed.
///
/// Source: <https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests>
pub static RESEND: Scheme =
    standard::dialect("resend", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests")
        .signature(standard::SVIX)
        .signed_id(&[Place::Header("svix-id")])
        .retries(
            Retries::documented("https://resend.com/docs/webhooks/retries-and-replays")
                .same_id(Fact::Yes)
                .signed_anew(Fact::Yes)
                .span(Duration::from_secs(99305)),
        );
