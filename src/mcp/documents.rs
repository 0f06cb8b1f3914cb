//! What tools take and answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::handover::Handed;
use crate::endpoint::{DisableReason, Endpoint, EndpointState};

/// Arguments of `webhook_register`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// Absolute https URL that will receive POST requests.
    pub(super) url: String,
    /// Which events it wants: `*`, a type such as `invoice.paid`, or `invoice.*`. All, when it is left out.
    #[serde(default)]
    pub(super) event_types: Option<Vec<String>>,
}

/// Arguments of `webhook_update`. What is left out stays.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// Which callback.
    pub(super) callback_id: String,
    /// Another URL.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// Other events.
    #[serde(default)]
    pub(super) event_types: Option<Vec<String>>,
    /// Serve it or do not. While it is not served, its events are held; when it is again, they go out.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// Arguments of tools that are about one callback.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// Which callback.
    pub(super) callback_id: String,
}

/// Arguments of `webhook_list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Where the page before has ended.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// Most callbacks of the page, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_rotate_secret`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    /// Which callback.
    pub(super) callback_id: String,
    /// How long the old secret goes on signing beside the new one. A day, when it is left out; at most 30 days.
    #[serde(default)]
    pub(super) overlap_seconds: Option<u32>,
}

/// Arguments of `webhook_list_deliveries`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDeliveries {
    /// To this callback.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// In this state: pending, delivered, failed, held or cancelled.
    #[serde(default)]
    pub(super) status: Option<String>,
    /// Made at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) since: Option<String>,
    /// Where the page before has ended.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// Most deliveries of the page, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_resend`: one message, or what has failed in a span of time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resend {
    /// Which message (its `webhook-id`).
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// To which callback only. Needed where no message is named.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// Where no message is named: made at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) since: Option<String>,
    /// Where no message is named: made before this time (RFC 3339).
    #[serde(default)]
    pub(super) until: Option<String>,
}

/// A callback.
#[derive(Serialize, JsonSchema)]
pub(super) struct Callback {
    pub(super) callback_id: String,
    /// Scheme and host of its URL; the rest may be a credential.
    pub(super) url: String,
    pub(super) event_types: Vec<String>,
    pub(super) status: Status,
    /// Why it is not served.
    pub(super) disabled_reason: Option<&'static str>,
    /// The first 8 hexadecimal digits of the SHA-256 of each key that signs, newest first.
    pub(super) key_fingerprints: Vec<String>,
    pub(super) created_at: String,
}

/// Whether a callback is served.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Active,
    PendingVerification,
    Disabled,
}

impl Callback {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let (status, disabled_reason) = match endpoint.state {
            EndpointState::Enabled => (Status::Active, None),
            EndpointState::Disabled { reason: DisableReason::Unproven, .. } => {
                (Status::PendingVerification, Some("the owner of the URL has not answered the challenge"))
            }
            EndpointState::Disabled { reason, .. } => (Status::Disabled, Some(said(reason))),
        };
        Self {
            callback_id: endpoint.id.to_string(),
            url: endpoint.target.to_string(),
            event_types: endpoint.filter.patterns().iter().map(ToString::to_string).collect(),
            status,
            disabled_reason,
            key_fingerprints: endpoint.keys.entries().iter().map(|entry| entry.key.id()).collect(),
            created_at: endpoint.created_at.to_string(),
        }
    }
}

const fn said(reason: DisableReason) -> &'static str {
    match reason {
        DisableReason::Requested => "it was asked for",
        DisableReason::Operator => "an operator has disabled it",
        DisableReason::Gone => "it answered 410: it is gone",
        DisableReason::Unproven => "its owner has not agreed",
        DisableReason::Policy => "a retry policy has decided so",
        DisableReason::Failing => "it has failed for too long",
    }
}

/// Where the owner finds a secret. The secret itself is not shown to models.
#[derive(Serialize, JsonSchema)]
pub(super) struct SecretPlace {
    /// A link to open once, or the name of a place. Give it to the person who runs the callback.
    pub(super) place: String,
    pub(super) expires_at: Option<String>,
}

impl From<Handed> for SecretPlace {
    fn from(handed: Handed) -> Self {
        Self { place: handed.place, expires_at: handed.expires_at.map(|at| at.to_string()) }
    }
}

/// A callback, and where its secret is found; `null`: it was registered before, and its secret handed over then.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    pub(super) callback: Callback,
    pub(super) secret: Option<SecretPlace>,
}

/// Callbacks.
#[derive(Serialize, JsonSchema)]
pub(super) struct Callbacks {
    pub(super) callbacks: Vec<Callback>,
    pub(super) next_cursor: Option<String>,
}

/// What became of `webhook_unregister`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unregistered {
    pub(super) deleted: bool,
}

/// What became of `webhook_rotate_secret`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rotated {
    pub(super) key_fingerprint: String,
    /// Until when the keys before sign as well.
    pub(super) old_keys_retire_at: Option<String>,
    pub(super) secret: SecretPlace,
}

/// One message on its way to one callback.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeliveryDocument {
    pub(super) delivery_id: String,
    pub(super) callback_id: String,
    /// The same on every attempt: `webhook-id`.
    pub(super) message_id: String,
    pub(super) event_type: String,
    /// How often it was tried.
    pub(super) attempt: u32,
    pub(super) status: String,
    /// The status that the last attempt was answered.
    pub(super) status_code: Option<u16>,
    /// What went wrong in the last attempt: `http_4xx`, `http_5xx`, `timeout`, `connect` ...
    pub(super) error_category: Option<String>,
    pub(super) next_attempt_at: Option<String>,
}

/// Deliveries.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deliveries {
    pub(super) deliveries: Vec<DeliveryDocument>,
    pub(super) next_cursor: Option<String>,
}

/// What became of `webhook_resend`. The messages keep their ids.
#[derive(Serialize, JsonSchema)]
pub(super) struct Resent {
    /// How many are on their way again.
    pub(super) count: u64,
    /// Which, where a message was named.
    pub(super) delivery_ids: Vec<String>,
}

/// What became of `webhook_test`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tested {
    pub(super) ok: bool,
    pub(super) message_id: String,
    pub(super) status_code: Option<u16>,
    /// `no_answer_yet`: nothing was tried within 20 seconds.
    pub(super) error_category: Option<String>,
    pub(super) duration_ms: Option<u64>,
}
