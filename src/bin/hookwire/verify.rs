//! `hookwire verify`.

use hookwire::clock::{Clock as _, SystemClock, Timestamp};
use hookwire::provider::Scheme;
use hookwire::receiver::{Accepted, Verified};
use serde_json::{Value, json};

use super::args;
use super::captured::{self, Captured};
use super::failure::Failure;
use super::output::{BAD, GOOD, Output, styled};
use super::source::{Known, Verdict};

pub(crate) async fn run(args: args::Verify, output: Output) -> Result<bool, Failure> {
    let known = Known::read(&args.source)?;
    let at = args.at.as_deref().map(time).transpose()?;
    let mut all_valid = true;
    for request in captured::read_file(&args.file)? {
        all_valid &= judge(&known, &request, at.or(request.received_at), output).await;
    }
    Ok(all_valid)
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    if text == "now" {
        return Ok(SystemClock.now());
    }
    let seconds = text.parse().ok().map(Timestamp::from_secs);
    seconds.or_else(|| text.parse().ok()).ok_or_else(|| {
        Failure::new(format!("--at {text}: write `now`, seconds since 1970, or a time such as 2026-11-29T12:00:00Z"))
    })
}

async fn judge(known: &Known, captured: &Captured, at: Option<Timestamp>, output: Output) -> bool {
    let scheme = known.scheme(&captured.request);
    let verdict = known.check(scheme, &captured.request, at).await;
    let (valid, document, text) = report(scheme, &verdict);
    output.say(&document, text);
    valid
}

/// Returns whether the request is valid, and the verdict for programs and for people.
pub(crate) fn report(scheme: &Scheme, verdict: &Verdict) -> (bool, Value, String) {
    let name = scheme.name();
    let no = |cause: &str, proved: bool, remedy: String| {
        let text = format!("{} {name}: {remedy}", styled(BAD, "invalid"));
        (false, json!({ "valid": false, "provider": name, "cause": cause, "proved": proved, "remedy": remedy }), text)
    };
    match verdict {
        Verdict::Valid(Accepted::Event(event)) => {
            let text = format!("{} {name}{}", styled(GOOD, "valid"), described(event));
            (true, event_document(name, event), text)
        }
        Verdict::Valid(Accepted::Batch(events)) => {
            let documents: Vec<_> = events.iter().map(|event| event_document(name, event)).collect();
            let text = format!("{} {name}: {} events", styled(GOOD, "valid"), events.len());
            (true, json!({ "valid": true, "provider": name, "events": documents }), text)
        }
        Verdict::Valid(_) => {
            let document = json!({ "valid": true, "provider": name, "handshake": true });
            (true, document, format!("{} {name}: a handshake without an event", styled(GOOD, "valid")))
        }
        Verdict::Invalid(diagnosis) => no(diagnosis.cause().name(), diagnosis.is_proved(), diagnosis.to_string()),
        Verdict::Secret(error) => no("secret", true, error.to_string()),
        Verdict::Unknown(problem) => no("unknown", false, problem.clone()),
    }
}

fn described(event: &Verified) -> String {
    let fields = [
        ("type", event.event_type().map(ToOwned::to_owned)),
        ("id", event.event_id().map(ToOwned::to_owned)),
        ("signed at", event.signed_at().map(|at| at.to_string())),
    ];
    let known = fields.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    let known: Vec<_> = known.collect();
    if known.is_empty() { String::new() } else { format!(": {}", known.join(", ")) }
}

fn event_document(provider: &str, event: &Verified) -> Value {
    json!({
        "valid": true, "provider": provider, "id": event.event_id(), "type": event.event_type(),
        "id_signed": event.is_id_authentic(), "signed_at": event.signed_at().map(|at| at.to_string()),
    })
}
