//! States, outcomes and times in words.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;

use crate::clock::Timestamp;
use crate::delivery::{Delivery, DeliveryState};
use crate::endpoint::{DisableReason, Endpoint, EndpointState};
use crate::outcome::Outcome;
use crate::retry::FailReason;
use crate::sender::BulkState;

/// What a page reports after a change. The word is the one after `done=` in the query.
const NOTICES: [(&str, &str); 13] = [
    ("created", "The endpoint was created."),
    ("saved", "The changes were saved."),
    ("enabled", "The endpoint is enabled. Its deliveries are sent when they are due."),
    ("hurried", "The deliveries that waited for their next attempt are due now."),
    ("disabled", "The endpoint is disabled. New deliveries are held until it is enabled."),
    ("removed", "The endpoint was removed, and its deliveries that were not final were cancelled."),
    ("test", "A test event was sent to this endpoint only."),
    ("resent", "The delivery is sent again."),
    ("cancelled", "It was cancelled."),
    ("started", "The job has started. A worker carries it out, and this page shows how far it is."),
    ("stopped", "The job was stopped."),
    ("handled", "What was chosen is handled again."),
    ("expunged", "The event was expunged."),
];

pub(super) fn notice(query: &str) -> Option<&'static str> {
    let done = query.split('&').find_map(|pair| pair.strip_prefix("done="))?;
    NOTICES.iter().find(|(word, _)| *word == done).map(|(_, text)| *text)
}

/// A label that differs from others by its text and its sign, and not only by its colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) text: &'static str,
}

pub(super) const fn state(state: DeliveryState) -> Badge {
    match state {
        DeliveryState::Pending => Badge { class: "wait", sign: "…", text: "pending" },
        DeliveryState::Delivered => Badge { class: "good", sign: "✓", text: "delivered" },
        DeliveryState::Failed => Badge { class: "bad", sign: "✕", text: "failed" },
        DeliveryState::Held => Badge { class: "warn", sign: "‖", text: "held" },
        DeliveryState::Cancelled => Badge { class: "off", sign: "–", text: "cancelled" },
    }
}

pub(super) const fn bulk_state(state: BulkState) -> Badge {
    match state {
        BulkState::Running => Badge { class: "wait", sign: "…", text: "running" },
        BulkState::Done => Badge { class: "good", sign: "✓", text: "done" },
        BulkState::Stopped => Badge { class: "off", sign: "–", text: "stopped" },
        BulkState::Failed => Badge { class: "bad", sign: "✕", text: "failed" },
    }
}

/// The badge of a record that is damaged.
pub(super) const UNREADABLE: Badge = Badge { class: "warn", sign: "?", text: "unreadable" };

/// The result of a change; `None` if it is unknown.
pub(super) const fn result(succeeded: Option<bool>) -> Badge {
    match succeeded {
        Some(true) => Badge { class: "good", sign: "✓", text: "done" },
        Some(false) => Badge { class: "bad", sign: "✕", text: "not done" },
        None => Badge { class: "warn", sign: "?", text: "unknown" },
    }
}

/// Where a change was asked for.
pub(super) fn surface(surface: &str) -> &str {
    match surface {
        "code" => "the application",
        "manage" => "the HTTP API",
        "console" => "this console",
        "mcp" => "an MCP client",
        other => other,
    }
}

/// Each action of the audit log in words.
const ACTIONS: [(&str, &str); 17] = [
    ("endpoint.create", "Create an endpoint"),
    ("endpoint.update", "Change an endpoint"),
    ("endpoint.rotate_key", "Rotate the key"),
    ("endpoint.verify", "Verify the owner"),
    ("endpoint.remove", "Remove an endpoint"),
    ("endpoint.test", "Send a test event"),
    ("endpoint.replay", "Replay"),
    ("delivery.resend", "Send again"),
    ("delivery.send_now", "Send now"),
    ("delivery.cancel", "Cancel"),
    ("delivery.resend_all", "Send all that match again"),
    ("delivery.cancel_all", "Cancel all that match"),
    ("event.resend", "Send an event again"),
    ("event.expunge", "Expunge an event"),
    ("job.resend", "Handle again"),
    ("job.cancel", "Cancel a job"),
    ("job.stop", "Stop a bulk job"),
];

pub(super) fn action(action: &str) -> &str {
    ACTIONS.iter().find(|(word, _)| *word == action).map_or(action, |(_, text)| text)
}

pub(super) const STATES: [DeliveryState; 5] = [
    DeliveryState::Pending,
    DeliveryState::Delivered,
    DeliveryState::Failed,
    DeliveryState::Held,
    DeliveryState::Cancelled,
];

pub(super) fn state_of(text: &str) -> Option<DeliveryState> {
    STATES.into_iter().find(|one| state(*one).text == text)
}

/// The health of an endpoint in one word.
pub(super) fn health(endpoint: &Endpoint, now: Timestamp) -> Badge {
    match endpoint.state {
        EndpointState::Disabled { .. } => Badge { class: "off", sign: "‖", text: "disabled" },
        _ if endpoint.flagged_at.is_some() => Badge { class: "bad", sign: "!", text: "blocked" },
        _ if endpoint.health.failures > 0 => Badge { class: "bad", sign: "✕", text: "failing" },
        _ if endpoint.health.paused_until.is_some_and(|until| until > now) => {
            Badge { class: "warn", sign: "‖", text: "paused" }
        }
        _ if endpoint.health.last_success.is_some() => Badge { class: "good", sign: "✓", text: "healthy" },
        _ => Badge { class: "wait", sign: "…", text: "not used yet" },
    }
}

/// The health of an endpoint in a sentence.
pub(super) fn health_in_full(endpoint: &Endpoint, now: Timestamp) -> String {
    let health = &endpoint.health;
    let mut text = match endpoint.state {
        EndpointState::Disabled { reason, at } => {
            format!("Disabled since {}: {}.", When::new(at, now), disabled(reason))
        }
        EndpointState::Enabled => String::new(),
    };
    let mut add = |sentence: String| {
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(space);
        text.push_str(&sentence);
    };
    if let Some(at) = endpoint.flagged_at {
        add(format!("The guard has refused its address since {}. Change the URL.", When::new(at, now)));
    }
    if let Some(since) = health.failing_since {
        let attempts = if health.failures == 1 { "attempt" } else { "attempts" };
        add(format!("Failing since {}: {} {attempts} in a row.", When::new(since, now), health.failures));
    }
    if let Some(until) = health.paused_until.filter(|until| *until > now) {
        add(format!("It has asked for a pause until {}.", When::new(until, now)));
    }
    match health.last_success {
        Some(at) => add(format!("Last success {}.", When::new(at, now))),
        None => add("No attempt has succeeded yet.".into()),
    }
    text
}

const fn disabled(reason: DisableReason) -> &'static str {
    match reason {
        DisableReason::Requested => "its owner has disabled it",
        DisableReason::Operator => "an operator has disabled it",
        DisableReason::Gone => "it returned 410 Gone",
        DisableReason::Unproven => "its owner has not agreed to deliveries yet",
        DisableReason::Policy => "the retry policy has disabled it",
        DisableReason::Failing => "it failed for too long",
        DisableReason::Moved => "its tenant is being moved, or was moved, to another store",
    }
}

/// Why a delivery has its state, in a sentence.
pub(super) fn reason(delivery: &Delivery) -> Option<&'static str> {
    let by_state = match delivery.state {
        DeliveryState::Held if delivery.reason.is_none() => Some("It is held because its endpoint is disabled."),
        DeliveryState::Pending if delivery.due == Timestamp::MAX => {
            Some("It waits for an earlier delivery with the same ordering key.")
        }
        _ => None,
    };
    by_state.or_else(|| delivery.reason.map(failed))
}

/// Why a delivery was given up, in a sentence.
pub(super) const fn failed(reason: FailReason) -> &'static str {
    match reason {
        FailReason::Exhausted => "The last allowed attempt failed.",
        FailReason::Gone => "The endpoint returned 410 Gone.",
        FailReason::Permanent => "The retry policy treats the response as permanent.",
        FailReason::Blocked => "The guard refused the address of the endpoint.",
        FailReason::Faults => "Too many attempts in a row failed because of faults on this side.",
        FailReason::Poison => "Each attempt ended with the death of the process.",
        FailReason::Expired => "Its deadline has passed.",
        FailReason::Superseded => "A newer event with the same ordering key has replaced it.",
    }
}

/// The name of an outcome on a page.
pub(super) fn outcome(outcome: Outcome) -> String {
    let text = match outcome {
        Outcome::Status(code) => {
            let name = StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason());
            return format!("{code} {}", name.unwrap_or_default());
        }
        Outcome::Dns => "name not resolved",
        Outcome::Connect => "no connection",
        Outcome::Tls => "TLS failed",
        Outcome::Timeout => "no response in time",
        Outcome::Reset => "connection closed",
        Outcome::Protocol => "invalid HTTP",
        Outcome::Blocked => "refused by the guard",
        Outcome::Local => "fault on this side",
        Outcome::Panic => "the sender's code panicked",
        Outcome::Handled => "handled",
        Outcome::HandlerFailed => "the handler failed",
        Outcome::HandlerRejected => "the handler rejected it",
    };
    text.into()
}

/// What to do about an outcome. `None` after a success.
pub(super) const fn remedy(outcome: Outcome) -> Option<&'static str> {
    Some(match outcome {
        Outcome::Status(200..=299) | Outcome::Handled => return None,
        Outcome::Status(300..=399) => {
            "Redirects are not followed. Change the URL to the address that the endpoint redirects to."
        }
        Outcome::Status(401 | 403) => {
            "The endpoint rejects the request. Its owner must check the secret, and that the route needs no login and no CSRF token."
        }
        Outcome::Status(404 | 405) => "The path does not exist there, or does not accept POST. Check the URL.",
        Outcome::Status(410) => "The endpoint says that it is gone. Remove it, or change its URL and enable it.",
        Outcome::Status(413) => {
            "The payload is too long for the endpoint. Its owner must raise the limit of its server."
        }
        Outcome::Status(429) => "The endpoint asks for fewer requests. Set a rate limit for it.",
        Outcome::Status(400..=499) => "The endpoint rejects the request. The beginning of its response is below.",
        Outcome::Status(_) => "The server of the endpoint failed. Its owner must look into its log; then resend.",
        Outcome::Dns => "The host name cannot be resolved. Check the URL and the DNS records.",
        Outcome::Connect => "Nothing accepts connections at this address. Check the host, the port and the firewall.",
        Outcome::Tls => {
            "The certificate is expired, self-signed, for another name, or lacks an intermediate certificate."
        }
        Outcome::Timeout => {
            "The endpoint must respond first and work later: with 2xx, before the time for the exchange ends."
        }
        Outcome::Reset => {
            "The connection closed before a response arrived. A proxy or a crash at the endpoint may be the cause."
        }
        Outcome::Protocol => "The endpoint does not speak HTTP at this port. Check the port, and https against http.",
        Outcome::Blocked => "The address is private, local or reserved. Use a public address.",
        Outcome::Local | Outcome::Panic => {
            "The cause is on this side. Read the log of the application; the attempt does not count."
        }
        Outcome::HandlerFailed | Outcome::HandlerRejected => "Read the log of the handler.",
    })
}

/// What to do about a failure of TLS whose cause is known by this name. `None` if there is no better advice than [`remedy`] has.
pub(super) fn tls_remedy(cause: &str) -> Option<&'static str> {
    Some(match cause {
        "expired" => "The certificate has expired. Its owner must renew it.",
        "not_yet_valid" => "The certificate is not valid yet. Its owner must replace it.",
        "wrong_name" => "The certificate is for another name. Check the host in the URL, or get a certificate for it.",
        "unknown_issuer" => {
            "The issuer of the certificate is unknown. The server must send its intermediate certificates; a private issuer must be among the roots of the sender."
        }
        "no_shared_protocol" => "The server must offer HTTP/2 (h2) or HTTP/1.1 (http/1.1).",
        "no_shared_version" => "The server must offer TLS 1.2 or 1.3, with a usual cipher suite.",
        "handshake_refused" => {
            "The server refused the handshake and gave no reason. Read its log. It may require a client certificate, not know the host in the URL, or share no cipher suite."
        }
        "not_tls" => "The server does not speak TLS at this port. Check the port.",
        "unknown_name" => {
            "The server does not know the host in the URL. Check the host, and the virtual hosts of the server."
        }
        "client_certificate_required" | "client_certificate_refused" => {
            "The server requires a client certificate that it knows. The sender must be configured with one."
        }
        "timeout" => {
            "The server did not complete the TLS handshake in time. It may be overloaded, or it does not speak TLS."
        }
        _ => return None,
    })
}

/// A time, as a page shows it: the relative time, with the exact time next to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    at: Timestamp,
    now: Timestamp,
}

impl When {
    pub(super) const fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { at, now }
    }

    /// The time for machines, in RFC 3339.
    pub(super) fn exact(&self) -> String {
        self.at.to_string()
    }

    /// The time for people, without fractions of a second.
    pub(super) fn readable(&self) -> String {
        Timestamp::from_secs(self.at.as_secs()).to_string().replace('T', " ").replace('Z', " UTC")
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at > self.now {
            write!(f, "in {}", rough(self.at.since(self.now)))
        } else {
            write!(f, "{} ago", rough(self.now.since(self.at)))
        }
    }
}

/// A duration in its largest unit.
pub(super) fn rough(length: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = length.as_secs();
    let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit);
    unit.map_or_else(|| "0 s".into(), |(unit, name)| format!("{} {name}", seconds / unit))
}

/// A duration of an attempt.
pub(super) fn precise(length: Duration) -> String {
    match length.as_millis() {
        0..=9_999 => format!("{} ms", length.as_millis()),
        _ => format!("{} s", length.as_secs()),
    }
}

/// A number with its digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things at the beginning of a sentence. It may be a lower bound. `nouns` are singular and plural.
pub(super) fn counted(count: u64, is_exact: bool, [one, many]: [&str; 2]) -> String {
    match (count, is_exact) {
        (0, false) => format!("An unknown number of {many}"),
        (1, true) => format!("1 {one}"),
        (1, false) => format!("At least 1 {one}"),
        (_, true) => format!("{} {many}", grouped(count)),
        (_, false) => format!("At least {} {many}", grouped(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let now = Timestamp::from_secs(1_700_000_000);
        let told = [0, 59, 60, 7_200, 200_000].map(|secs| When::new(now - Duration::from_secs(secs), now).to_string());
        assert_eq!(told, ["0 s ago", "59 s ago", "1 min ago", "2 h ago", "2 d ago"]);
        assert_eq!(When::new(now + Duration::from_secs(90), now).to_string(), "in 1 min");
        assert_eq!(When::new(now, now).readable(), "2023-11-14 22:13:20 UTC");
    }

    #[test]
    fn every_failure_has_a_remedy() {
        let failures = [Outcome::Status(301), Outcome::Status(500), Outcome::Dns, Outcome::Tls, Outcome::Panic];
        assert!(failures.into_iter().all(|outcome| remedy(outcome).is_some()));
        assert_eq!(remedy(Outcome::Status(204)), None);
        assert_eq!(tls_remedy("expired"), Some("The certificate has expired. Its owner must renew it."));
        assert!(tls_remedy("handshake_refused").is_some_and(|text| text.contains("Read its log")));
        assert_eq!(tls_remedy("violation"), None);
    }

    #[test]
    fn numbers_are_grouped_and_lower_bounds_say_so() {
        let grouped = [0, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "12,345", "1,234,567"]);
        let counted = [(0, true), (1, true), (10_000, false), (0, false)]
            .map(|(count, is_exact)| counted(count, is_exact, ["delivery", "deliveries"]));
        assert_eq!(
            counted,
            ["0 deliveries", "1 delivery", "At least 10,000 deliveries", "An unknown number of deliveries"]
        );
    }

    #[test]
    fn a_notice_comes_from_the_list_only() {
        assert_eq!(notice("a=1&done=resent"), Some("The delivery is sent again."));
        assert_eq!(notice("done=%3Cscript%3E"), None);
    }
}
