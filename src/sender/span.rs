//! One span for each attempt, with the names of OpenTelemetry's conventions (1.44, "HTTP client span" and "Messaging").

use tracing::Span;
use tracing::field::Empty;

use crate::delivery::Leased;
use crate::endpoint::Endpoint;
use crate::outcome::{Outcome, Report};

/// The span of one attempt. It contains neither the path nor the query of the URL, because they may be a credential.
pub(super) fn attempt(leased: &Leased, endpoint: &Endpoint) -> Span {
    let target = &endpoint.target;
    let resends = leased.attempt.saturating_sub(1);
    tracing::info_span!(
        "POST",
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = "POST",
        http.request.resend_count = (resends > 0).then_some(resends),
        http.response.status_code = Empty,
        error.type = Empty,
        server.address = target.authority(),
        server.port = target.port(),
        url.full = %format_args!("{}://{}/REDACTED", target.scheme(), target.authority()),
        messaging.system = "hookwire",
        messaging.operation.name = "send",
        messaging.destination.name = leased.event.event_type.as_str(),
        messaging.message.id = leased.event.id.as_str(),
        hookwire.endpoint = %endpoint.id,
        hookwire.delivery = %leased.lease.delivery,
    )
}

/// Records the end of the attempt in the span. Everything except a 2xx is a failure, redirects included.
pub(super) fn end(span: &Span, report: &Report) {
    if let Outcome::Status(code) = report.outcome {
        span.record("http.response.status_code", code);
    }
    if !report.outcome.is_success() {
        span.record("otel.status_code", "ERROR");
        match report.outcome {
            Outcome::Status(code) => span.record("error.type", code),
            other => span.record("error.type", other.class()),
        };
    }
}
