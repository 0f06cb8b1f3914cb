//! Mollie, classic webhooks.

use crate::provider::{IdentityRule, Retries, Scheme};
use crate::signature::Place;

/// Mollie's classic webhooks prove nothing: anybody can send the form with an id. Use only the id, get the object from Mollie's API,
/// and trust only the API's response. The source must allow this with
/// [`dangerous_accept_unproved`](crate::receiver::Source::dangerous_accept_unproved). Every change of an object is sent with the same
/// id, so every request is handled.
///
/// Source: <https://docs.mollie.com/overview/webhooks>
pub static MOLLIE_CLASSIC: Scheme = Scheme::new("mollie_classic", "https://docs.mollie.com/overview/webhooks")
    .unsigned_id(&[Place::Form("id")])
    .identified_by(IdentityRule::Never)
    .id_required()
    .retries(Retries::documented("https://docs.mollie.com/overview/webhooks"));
