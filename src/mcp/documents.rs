//! The arguments and results of the tools. Their names and doc comments are part of what models see.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attempts::AttemptDocument;
use crate::endpoint::{DisableReason, Endpoint, EndpointState};

/// Arguments of `webhook_register`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    /// Absolute https URL that will receive POST requests.
    pub(super) url: String,
    /// The event types that the callback subscribes to: `*`, a type such as `invoice.paid`, or `invoice.*`. Default: all.
    #[serde(default)]
    pub(super) event_types: Option<Vec<String>>,
}

/// Arguments of `webhook_update`. An absent argument changes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Update {
    /// The id of the callback.
    pub(super) callback_id: String,
    /// The new URL.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The new event types.
    #[serde(default)]
    pub(super) event_types: Option<Vec<String>>,
    /// Enables or disables the callback. While it is disabled, its events are held; when it is enabled again, they are sent.
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// Arguments of tools for one callback.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    /// The id of the callback.
    pub(super) callback_id: String,
}

/// Arguments of `webhook_list`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// The `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// The most callbacks in the page, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_rotate_secret`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    /// The id of the callback.
    pub(super) callback_id: String,
    /// How long the old secret still signs together with the new one. Default: a day; at most 30 days.
    #[serde(default)]
    pub(super) overlap_seconds: Option<u32>,
}

/// Arguments of `webhook_list_deliveries`.
#[derive(PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListDeliveries {
    /// Only this delivery, with its attempts. No other argument is allowed with it.
    #[serde(default)]
    pub(super) delivery_id: Option<String>,
    /// Only deliveries to this callback.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// Only deliveries in this state: pending, delivered, failed, held or cancelled.
    #[serde(default)]
    pub(super) status: Option<String>,
    /// Created at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) since: Option<String>,
    /// Only deliveries with this outcome of the last attempt: a status code (503), a class of status codes (5xx), `status` for any status
    /// code, or dns, connect, tls, timeout, reset, protocol, blocked, local or panic.
    #[serde(default)]
    pub(super) outcome: Option<String>,
    /// Only deliveries to callbacks that have this label now: name=value.
    #[serde(default)]
    pub(super) label: Option<String>,
    /// The last attempt began at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) attempted_from: Option<String>,
    /// The last attempt began before this time (RFC 3339).
    #[serde(default)]
    pub(super) attempted_to: Option<String>,
    /// The `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// The most deliveries in the page, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_list_failures`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFailures {
    /// Only failures at this callback.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// Failed at this time or later (RFC 3339), by whole hours. By default 24 hours ago.
    #[serde(default)]
    pub(super) since: Option<String>,
    /// The most groups, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_resend`: one message, or the failed messages of a span of time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resend {
    /// The message to send again (its `webhook-id`).
    #[serde(default)]
    pub(super) message_id: Option<String>,
    /// Send only to this callback. Required without a `message_id`.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// Without a `message_id`: created at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) since: Option<String>,
    /// Without a `message_id`: created before this time (RFC 3339).
    #[serde(default)]
    pub(super) until: Option<String>,
    /// Without a `message_id`: start a job that sends all of them, also more than 1,000. The result has the number of the job.
    #[serde(default)]
    pub(super) background: bool,
}

/// Arguments of `webhook_list_jobs`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListJobs {
    /// Only this job.
    #[serde(default)]
    pub(super) job: Option<u64>,
    /// The `next_cursor` of the previous page.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// The most jobs in the page, 1 to 50.
    #[serde(default)]
    pub(super) limit: Option<u32>,
}

/// Arguments of `webhook_cancel`: a callback, or a job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Cancel {
    /// Cancel the deliveries to this callback. Required without a `job`.
    #[serde(default)]
    pub(super) callback_id: Option<String>,
    /// With a `callback_id`: only deliveries created at this time or later (RFC 3339).
    #[serde(default)]
    pub(super) since: Option<String>,
    /// With a `callback_id`: only deliveries created before this time (RFC 3339).
    #[serde(default)]
    pub(super) until: Option<String>,
    /// Stop this job, and cancel no deliveries.
    #[serde(default)]
    pub(super) job: Option<u64>,
}

/// A callback.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Callback")]
pub(super) struct EndpointDocument {
    pub(super) callback_id: String,
    /// The scheme and host of the URL; the rest may be a credential.
    pub(super) url: String,
    pub(super) event_types: Vec<String>,
    pub(super) status: Status,
    /// Why the callback is disabled or pending.
    pub(super) disabled_reason: Option<&'static str>,
    /// The first 8 hexadecimal digits of the SHA-256 of each key that signs, newest first.
    pub(super) key_fingerprints: Vec<String>,
    pub(super) created_at: String,
}

/// The state of a callback.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Active,
    PendingVerification,
    Disabled,
}

impl EndpointDocument {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let (status, disabled_reason) = match endpoint.state {
            EndpointState::Enabled => (Status::Active, None),
            EndpointState::Disabled { reason: DisableReason::Unproven, .. } => {
                (Status::PendingVerification, Some("the owner of the URL has not answered the challenge"))
            }
            EndpointState::Disabled { reason, .. } => (Status::Disabled, Some(in_words(reason))),
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

const fn in_words(reason: DisableReason) -> &'static str {
    match reason {
        DisableReason::Requested => "it was disabled on request",
        DisableReason::Operator => "an operator has disabled it",
        DisableReason::Gone => "it responded with 410 (gone)",
        DisableReason::Unproven => "its owner has not agreed to get events",
        DisableReason::Policy => "a retry policy has disabled it",
        DisableReason::Failing => "it failed for too long",
        DisableReason::Moved => "its tenant is being moved, or was moved, to another store",
    }
}

/// The place where the owner finds a secret. The secret itself is not shown to models.
#[derive(Serialize, JsonSchema)]
pub(super) struct SecretPlace {
    /// A link that can be opened once, or the name of a place. Give it to the person who runs the callback.
    pub(super) place: String,
    pub(super) expires_at: Option<String>,
}

/// A callback, and the place of its secret; `null`: the callback existed before, and its secret was handed over then.
#[derive(Serialize, JsonSchema)]
pub(super) struct Registered {
    pub(super) callback: EndpointDocument,
    pub(super) secret: Option<SecretPlace>,
}

/// A list of callbacks.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Callbacks")]
pub(super) struct Endpoints {
    pub(super) callbacks: Vec<EndpointDocument>,
    pub(super) next_cursor: Option<String>,
}

/// The result of `webhook_unregister`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Unregistered {
    pub(super) deleted: bool,
}

/// The result of `webhook_rotate_secret`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Rotated {
    pub(super) key_fingerprint: String,
    /// The old keys sign as well until this time.
    pub(super) old_keys_retire_at: Option<String>,
    pub(super) secret: SecretPlace,
}

/// The delivery of one message to one callback.
#[derive(Serialize, JsonSchema)]
pub(super) struct DeliveryDocument {
    pub(super) delivery_id: String,
    pub(super) callback_id: String,
    /// The `webhook-id` of the message, which is the same in every attempt.
    pub(super) message_id: String,
    pub(super) event_type: String,
    /// The number of attempts.
    pub(super) attempt: u32,
    pub(super) status: String,
    /// The HTTP status of the response to the last attempt.
    pub(super) status_code: Option<u16>,
    /// The category of the last attempt's failure: `http_4xx`, `http_5xx`, `timeout`, `connect` ...
    pub(super) error_category: Option<String>,
    pub(super) next_attempt_at: Option<String>,
    /// The last 20 attempts, oldest first, if a `delivery_id` was given.
    pub(super) attempts: Option<Vec<AttemptDocument>>,
}

/// A list of deliveries.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deliveries {
    pub(super) deliveries: Vec<DeliveryDocument>,
    /// The cursor of the next page. Only without it, nothing is left to search, even if this page is empty.
    pub(super) next_cursor: Option<String>,
}

/// Deliveries to one callback that were given up, with the same outcome and responses of the same kind.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FailureGroup")]
pub(super) struct FailureDocument {
    pub(super) callback_id: String,
    /// The number of failures. A delivery that was resent and failed again counts twice.
    pub(super) count: u64,
    pub(super) status_code: Option<u16>,
    pub(super) error_category: Option<String>,
    /// Why they were given up, such as `exhausted`. Null for the rest, if a callback had too many kinds of failures in an hour.
    pub(super) reason: Option<String>,
    pub(super) first_at: String,
    pub(super) last_at: String,
    /// The delivery that failed last.
    pub(super) last_delivery_id: String,
}

/// Groups of failures, the largest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct Failures {
    pub(super) failures: Vec<FailureDocument>,
    /// Every failure since then is counted. It is later than requested if there are too many: older ones are counted in part.
    pub(super) since: String,
}

/// The result of `webhook_resend`. The messages keep their ids.
#[derive(Serialize, JsonSchema)]
pub(super) struct Resent {
    /// The number of deliveries that are pending again. 0 if a job sends them.
    pub(super) count: u64,
    /// Their ids, if a message was named.
    pub(super) delivery_ids: Vec<String>,
    /// The job that sends them, if `background` was set. `webhook_list_jobs` shows how far it is.
    pub(super) job: Option<u64>,
}

/// A job: a change to many deliveries in the background.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub(super) struct JobDocument {
    /// The number of the job.
    pub(super) job: u64,
    /// `resend_all`, `cancel_all` or `replay`, which resends to one callback.
    pub(super) action: String,
    /// The callback, if the job is limited to one.
    pub(super) callback_id: Option<String>,
    /// `running`, `done`, `stopped` or `failed`.
    pub(super) status: String,
    /// The number of deliveries that were resent or cancelled so far.
    pub(super) changed: u64,
    pub(super) started_at: String,
    pub(super) finished_at: Option<String>,
    /// Why it failed, or why it waits.
    pub(super) reason: Option<String>,
}

/// A list of jobs.
#[derive(Serialize, JsonSchema)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<JobDocument>,
    pub(super) next_cursor: Option<String>,
}

/// The result of `webhook_test`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Tested {
    pub(super) ok: bool,
    pub(super) message_id: String,
    pub(super) status_code: Option<u16>,
    /// `no_answer_yet`: no attempt was made within 20 seconds.
    pub(super) error_category: Option<String>,
    pub(super) duration_ms: Option<u64>,
}

/// Arguments of `webhook_diagnose`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Diagnose {
    /// The id of the callback that the request was sent to.
    pub(super) callback_id: String,
    /// The headers of the request, at least `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    pub(super) headers: BTreeMap<String, String>,
    /// The body of the request as it arrived, without any change.
    pub(super) body: String,
}

/// The result of `webhook_diagnose`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Diagnosed {
    /// Whether the signature fits the request.
    pub(super) ok: bool,
    /// A short name of the cause, such as `trailing_newline`.
    pub(super) cause: String,
    /// Whether the signature fits once the cause is undone. Otherwise the cause is the most likely one.
    pub(super) proved: bool,
    /// The cause and what to do.
    pub(super) explanation: String,
}
