//! Mollie, classic webhooks.

use crate::signature::{Identified, Place, Retries, Scheme};

/// Mollie's classic webhooks prove nothing: a form with an id, from anybody. Take the id, ask Mollie for the
/// object, and trust only that answer. A source must be told to accept them by
/// [`dangerous_accept_unproved`](crate::receiver::Source::dangerous_accept_unproved). The id comes again with every
/// change of the object, so every request is handled.
///
/// Source: <https://docs.mollie.com/overview/webhooks>
pub static MOLLIE_CLASSIC: Scheme = Scheme::new("mollie_classic", "https://docs.mollie.com/overview/webhooks")
    .unsigned_id(&[Place::Form("id")])
    .identified_by(Identified::Never)
    .id_required()
    .retries(Retries::documented("https://docs.mollie.com/overview/webhooks"));
