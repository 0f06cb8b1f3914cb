//! One vector, compared in every respect.

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::fetch::{Fetch, FetchError};
use hookwire::provider::Scheme;
use hookwire::receiver::{Accepted, Receiver, ReceiverConfigError, Rejection, Source};
use hookwire::secret::KeyError;
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::case::Case;
use super::{DEVIATIONS, verdicts};

/// What our source of this name makes of the request.
pub async fn verify(case: &Case) -> Result<Accepted, Rejection> {
    receiver(case).unwrap().gate(&case.source).unwrap().verify(case.request()).await
}

pub fn receiver(case: &Case) -> Result<Receiver, ReceiverConfigError> {
    let secrets: Vec<_> = case.secrets.iter().map(String::as_str).collect();
    let mut source = if case.setup && secrets.is_empty() {
        Source::awaiting_key(&case.source, case.settings.clone())?
    } else {
        Source::provider(&case.source, &secrets, case.settings.clone())?
    };
    if case.setup {
        source = source.accept_key();
    }
    if Scheme::named(&case.source).is_some_and(|provider| !provider.proves_origin()) {
        source = source.dangerous_accept_unproved();
    }
    let clock = ManualClock::at(Timestamp::from_secs(case.now));
    // Each case is the first request of its source, and would be diagnosed if it is rejected.
    let source = source.without_diagnosis();
    Ok(Receiver::builder(MemoryDedup::new()).source(source).fetch(Obliging).clock(clock).build().unwrap())
}

/// Confirms whatever it is asked to; which URLs that are is compared elsewhere.
#[derive(Debug)]
struct Obliging;

#[async_trait::async_trait]
impl Fetch for Obliging {
    async fn fetch(&self, url: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
        if url.contains("ConfirmSubscription") { Ok(Bytes::new()) } else { Err(FetchError::Unreachable) }
    }
}

/// What is wrong with our answer.
pub async fn check(case: &Case) -> Vec<String> {
    if let Err(error) = receiver(case) {
        // A secret that is none is rejected before there is any request.
        let harmless = matches!(error, ReceiverConfigError::NoSecret | ReceiverConfigError::Key(KeyError::Placeholder));
        let wanted = !case.is_accepted() && harmless;
        return if wanted { Vec::new() } else { vec![format!("{} {}: {error}", case.source, case.name)] };
    }
    let outcome = verify(case).await;
    let words = verdicts::words(&outcome);
    let deviation = DEVIATIONS.iter().find(|(source, name, ..)| *source == case.source && *name == case.name);
    let allowed = match deviation {
        Some((.., ours, _)) => words.contains(ours) && case.optional,
        None => words.contains(&case.expect.as_str()) || case.also.iter().any(|also| words.contains(&also.as_str())),
    };
    if !allowed {
        return vec![format!("{} {}: {} is wanted, is {outcome:?}", case.source, case.name, case.expect)];
    }
    let mut complaints = Vec::new();
    let mut compare = |what: &str, wanted: Option<&str>, is: Option<&str>| {
        if wanted != is && deviation.is_none() {
            complaints.push(format!("{} {}: {what} {wanted:?} is wanted, is {is:?}", case.source, case.name));
        }
    };
    if let Ok(Accepted::Event(_) | Accepted::Batch(_)) = &outcome {
        let first = match &outcome {
            Ok(Accepted::Event(verified)) => Some(verified),
            Ok(Accepted::Batch(events)) => events.first(),
            _ => None,
        };
        compare("event id", case.event_id.as_deref(), first.and_then(|event| event.event_id()));
        compare("event type", case.event_type.as_deref(), first.and_then(|event| event.event_type()));
    }
    if let Ok(Accepted::Handshake(reply)) = &outcome {
        compare("capture", case.capture.as_deref(), reply.capture.as_ref().map(|key| key.as_str()));
        compare("visit", case.visit.as_deref(), reply.visit.as_deref());
    }
    if let Some(wanted) = &case.answer {
        complaints.extend(answer(case, wanted).await);
    }
    complaints
}

/// Compares what goes over the wire.
async fn answer(case: &Case, wanted: &Value) -> Vec<String> {
    let gate = receiver(case).unwrap().gate(&case.source).unwrap();
    let request = case.request().map(http_body_util::Full::new);
    let response = gate.receive(request, |_| async { StatusCode::OK }).await;
    let mut complaints = Vec::new();
    let mut complain = |what: String| complaints.push(format!("{} {}: {what}", case.source, case.name));
    if wanted["status"].is_u64() && wanted["status"] != response.status().as_u16() {
        complain(format!("status {} is wanted, is {}", wanted["status"], response.status()));
    }
    for (name, value) in wanted["headers"].as_object().into_iter().flatten() {
        if header(response.headers(), name) != value.as_str() {
            complain(format!("{name} {value} is wanted, is {:?}", header(response.headers(), name)));
        }
    }
    for name in wanted["absent_headers"].as_array().into_iter().flatten() {
        if response.headers().contains_key(name.as_str().unwrap()) {
            complain(format!("{name} must be absent"));
        }
    }
    if let Some(body) = wanted["body"].as_str()
        && body.as_bytes() != response.body()
    {
        complain(format!("body {body:?} is wanted, is {:?}", response.body()));
    }
    complaints
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
