//! What the tools show of attempts: how long each step took, and what failed. They show neither headers nor bodies.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::delivery::Attempt;
use crate::sender::AttemptDetail;

/// One attempt of a delivery.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Attempt")]
pub(super) struct AttemptDocument {
    /// It is counted from 1 again after the message was sent again.
    number: u32,
    at: String,
    /// How long the whole attempt took.
    duration_ms: f64,
    /// `status`, or why there was no status: `dns`, `connect`, `tls`, `timeout`, `reset`, `protocol`, `blocked`, `local`, `panic`.
    outcome: &'static str,
    /// The HTTP status of the response.
    status: Option<u16>,
    /// How it was sent. Null if this was not kept: by default it is kept of attempts that failed, for some days.
    detail: Option<DetailDocument>,
}

/// How an attempt was sent. The time to resolve the name is not shown. Times are null for steps that were not made; they are not made on an open connection.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AttemptDetail")]
pub(super) struct DetailDocument {
    /// How long the address took to accept the connection. If none did: how long it took to try all.
    connect_ms: Option<f64>,
    /// How long the TLS handshake took, or took to fail.
    tls_ms: Option<f64>,
    /// How long it took from the ready connection to the head of the response. With HTTP/2, this includes the set-up of HTTP/2 on a new
    /// connection, and the wait for a free stream on an open one.
    first_byte_ms: Option<f64>,
    /// The version of TLS.
    tls_version: Option<String>,
    /// Why TLS failed: `expired`, `not_yet_valid`, `wrong_name`, `unknown_issuer`, `no_shared_protocol`, `no_shared_version` ...
    tls_failure: Option<String>,
    /// The version of HTTP.
    version: Option<String>,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

impl AttemptDocument {
    pub(super) fn of((attempt, detail): &(Attempt, Option<AttemptDetail>)) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: millis(attempt.duration),
            outcome: attempt.outcome.class(),
            status: attempt.outcome.status(),
            detail: detail.as_ref().map(DetailDocument::of),
        }
    }
}

impl DetailDocument {
    fn of(detail: &AttemptDetail) -> Self {
        let text = |text: &Option<Box<str>>| text.as_deref().map(String::from);
        Self {
            connect_ms: detail.connect.map(millis),
            tls_ms: detail.tls.map(millis),
            first_byte_ms: detail.first_byte.map(millis),
            tls_version: text(&detail.tls_version),
            tls_failure: text(&detail.tls_failure),
            version: text(&detail.version),
        }
    }
}
