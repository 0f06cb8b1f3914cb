//! Resend.

use std::time::Duration;

use super::standard::dialect;
use crate::provider::{Fact, Retries, Scheme};
use crate::signature;
use crate::signature::Place;

/// Resend: Standard Webhooks with the header names of Svix only. Id and time are signed.
///
/// Source: <https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests>
pub static RESEND: Scheme = dialect("resend", "https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests")
    .signature(signature::SVIX)
    .signed_id(&[Place::Header("svix-id")])
    .retries(
        Retries::documented("https://resend.com/docs/webhooks/retries-and-replays")
            .same_id(Fact::Yes)
            .signed_anew(Fact::Yes)
            .span(Duration::from_secs(99305)),
    );
