//! Which requests of a provider are one event: a different event runs the handler, a retry or a copy is a duplicate.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, Events, Scheme, SchemeConfig, Setting, Verify};
use hookwire::receiver::inbox::{Inbox, InboxResult, Queue};
use hookwire::receiver::{Accepted, Gate, Receiver, Rejection, Source};
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Settings, Trust, VerifyError};
use hookwire::store::{MemoryDedup, MemoryStore};
use hookwire::testing::ManualClock;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use super::{case::Case, cases, run};
use crate::support::vectors;

/// How often the handler runs at each step of the signed sequences.
const SIGNED: &[(&str, &str, &[usize])] = &[
    ("postmark", "delivery_open_click_same_message", &[1, 1, 1]),
    ("woocommerce", "created_and_updated_same_body", &[1, 1]),
    ("zendesk", "get_no_body_twice", &[1, 1]),
    ("github", "manual_redelivery_after_failure", &[1, 1]),
    ("github", "installation_and_integration_installation", &[1, 1]),
    ("sanity", "projection_same_body_twice", &[1, 1]),
    ("meta", "instagram_message_then_unsend", &[1, 1]),
    ("meta", "whatsapp_group_status_two_participants", &[1, 1]),
    ("auth0", "lines", &[2, 0, 0]),
    ("plaid", "sync_updates_twice", &[1, 1]),
    ("mandrill", "two_links_clicked_in_one_second", &[2]),
    ("meta", "reaction_then_unreact", &[1, 1]),
    ("plaid", "01-plaid-sync-updates", &[1, 1, 0]),
    ("sanity", "02-sanity-projection", &[1, 1]),
    ("shopify", "04-shopify-two-topics-one-body", &[1, 1]),
    ("meta", "06-instagram-unsend", &[1, 1]),
];

/// The header in which an unsigned sequence carries its signed time.
const SIGNED_AT: &str = "x-test-signed-at";

/// A provider whose check is left out: its identities are what is tested here, and the vectors test the check.
#[derive(Debug)]
struct Unchecked(&'static Scheme);

impl Verify for Unchecked {
    fn verify(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Checked, VerifyError> {
        let signed_at = received.headers.get(SIGNED_AT).map(|value| value.to_str().unwrap().parse().unwrap());
        Ok(Checked::Event { signed_at: signed_at.map(Timestamp::from_secs) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        self.0.events(received, trust)
    }
}

/// The scheme without its check and its keys: nothing is fetched, and no setting is required.
fn unchecked(scheme: &'static Scheme) -> &'static Scheme {
    let code = Box::leak(Box::new(Unchecked(scheme)));
    let settings: Vec<_> = scheme.known_settings().iter().map(|it| Setting::optional(it.name, it.about)).collect();
    let unchecked = scheme.clone().code(code).settings(Box::leak(settings.into_boxed_slice())).no_key();
    Box::leak(Box::new(if scheme.covers_body() { unchecked.covering_body() } else { unchecked }))
}

/// True if the proof covers a time.
fn signs_a_time(scheme: &Scheme) -> bool {
    window(scheme).is_some()
}

/// How old and how new the signed time may be, in words.
fn window(scheme: &Scheme) -> Option<String> {
    let time = scheme.facts().into_iter().find(|(fact, _)| *fact == "time").unwrap().1;
    Some(time.strip_prefix("signed, ")?.to_owned())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list(file: &str) -> Vec<Value> {
    vectors(file).as_array().unwrap().clone()
}

fn request(step: &Value, or: &Value) -> Request<Full<Bytes>> {
    let of = |key: &str| if step[key].is_string() { text(step, key).to_owned() } else { text(or, key).to_owned() };
    let mut request = Request::builder().method(of("method").as_str()).uri(of("url"));
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    if let Some(at) = step["signed_at"].as_i64() {
        request = request.header(SIGNED_AT, at);
    }
    request.body(Full::new(Bytes::from(text(step, "body").to_owned()))).unwrap()
}

/// How often the handler ran; what else is wrong with the answer.
async fn post(gate: &Gate, request: Request<Full<Bytes>>, answer: StatusCode) -> (usize, Option<String>) {
    let runs = AtomicUsize::new(0);
    let handler = |_| async {
        runs.fetch_add(1, Ordering::Relaxed);
        answer
    };
    let response = gate.receive(request, handler).await;
    let runs = runs.into_inner();
    let rejected = !response.status().is_success() && answer.is_success();
    let why = || format!("answered {} {:?}", response.status(), response.extensions().get::<Rejection>());
    (runs, rejected.then(why))
}

/// How many events of a request an inbox stores as new. It must tell the same events apart as a handler's dedup store.
async fn store_new(gate: &Gate, inbox: &Inbox, request: Request<Full<Bytes>>) -> usize {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let events = match gate.verify(Request::from_parts(head, body)).await {
        Ok(Accepted::Event(event)) => vec![event],
        Ok(Accepted::Batch(events)) => events,
        _ => return 0,
    };
    inbox.store_all(&events).await.unwrap().iter().filter(|stored| **stored != InboxResult::Duplicate).count()
}

fn inbox() -> Inbox {
    let queue = Queue::new("all", async |_| Ok(()));
    Inbox::builder(MemoryStore::new()).queue(queue).build().unwrap()
}

fn settings(value: &Value) -> Settings {
    let all = value.as_object().into_iter().flatten();
    all.fold(Settings::default(), |settings, (name, value)| settings.with(name, value.as_str().unwrap()))
}

#[tokio::test]
async fn each_signed_sequence_runs_its_different_events_and_only_them() {
    let mut complaints = Vec::new();
    let sequences = [list("dedup-sequences.json"), list("reported-sequences.json")].concat();
    assert_eq!(sequences.len(), SIGNED.len());
    for sequence in sequences {
        let (provider, name) = (text(&sequence, "provider"), text(&sequence, "name"));
        let wanted = SIGNED.iter().find(|(source, it, _)| (*source, *it) == (provider, name)).unwrap().2;
        let secrets: Vec<_> = Some(text(&sequence, "secret")).into_iter().filter(|secret| !secret.is_empty()).collect();
        let source = Source::provider(provider, &secrets, settings(&sequence["extra"]["settings"])).unwrap();
        let clock = ManualClock::default();
        let receiver = Receiver::builder(MemoryDedup::new()).source(source).clock(clock.clone()).build().unwrap();
        let gate = receiver.gate(provider).unwrap();
        let mut runs = Vec::new();
        for step in sequence["steps"].as_array().unwrap() {
            let now = step["now_unix"].as_i64().or_else(|| sequence["now_unix"].as_i64()).unwrap();
            clock.set(Timestamp::from_secs(now));
            let answer = StatusCode::from_u16(step["handler"].as_u64().unwrap_or(200).try_into().unwrap()).unwrap();
            let (ran, complaint) = post(&gate, request(step, &sequence), answer).await;
            complaints.extend(complaint.map(|complaint| format!("{provider} {name}: {complaint}")));
            runs.push(ran);
        }
        if runs != wanted {
            complaints.push(format!("{provider} {name}: the handler ran {runs:?} times instead of {wanted:?}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn each_providers_different_events_run_and_its_retries_and_copies_do_not() {
    let mut complaints = Vec::new();
    for sequence in list("identity-sequences.json") {
        let provider = text(&sequence, "provider");
        let Some(found) = Scheme::named(provider) else { continue };
        let source = Source::new(provider.to_owned(), unchecked(found), Keyring::empty());
        let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
        let (gate, inbox) = (receiver.gate(provider).unwrap(), inbox());
        for (number, step) in sequence["steps"].as_array().unwrap().iter().enumerate() {
            assert_eq!(step["signed_at"].is_i64(), signs_a_time(found), "{provider} {number}: the time");
            let (ran, complaint) = post(&gate, request(step, &sequence), StatusCode::OK).await;
            let wanted = usize::try_from(step["runs"].as_u64().unwrap()).unwrap();
            let what = format!("{provider} {number} ({})", text(step, "why"));
            complaints.extend(complaint.map(|complaint| format!("{what}: {complaint}")));
            let stored = store_new(&gate, &inbox, request(step, &sequence)).await;
            if (ran, stored) != (wanted, wanted) {
                complaints
                    .push(format!("{what}: the handler ran {ran} times and {stored} were stored instead of {wanted}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Headers that no provider signs, and that an attacker can change.
const UNSIGNED: &[&str] = &[
    "idempotency-key",
    "box-delivery-id",
    "linear-delivery",
    "linear-event",
    "sanity-operation",
    "x-zendesk-webhook-invocation-id",
    "paypal-auth-version",
    "twitch-eventsub-subscription-type",
    "x-gitlab-event",
];

#[tokio::test]
async fn where_a_time_is_signed_a_copy_is_a_duplicate_whatever_its_unsigned_headers_say() {
    let mut complaints = Vec::new();
    for case in cases().into_iter().filter(Case::is_accepted) {
        let scheme = Scheme::named(&case.source).unwrap();
        if !signs_a_time(scheme) {
            continue;
        }
        let (gate, inbox) = (run::receiver(&case).unwrap().gate(&case.source).unwrap(), inbox());
        let (first, _) = post(&gate, case.request().map(Full::new), StatusCode::OK).await;
        let stored = store_new(&gate, &inbox, case.request().map(Full::new)).await;
        if stored != first {
            complaints.push(format!("{} {}: ran {first} times, {stored} were stored", case.source, case.name));
        }
        let mut copy = case.request().map(Full::new);
        for (name, value) in copy.headers_mut() {
            if UNSIGNED.contains(&name.as_str()) {
                *value = "another".parse().unwrap();
            }
        }
        for request in [case.request().map(Full::new), copy] {
            let stored = store_new(&gate, &inbox, request.clone()).await;
            let (again, complaint) = post(&gate, request, StatusCode::OK).await;
            if first > 0 && (again + stored > 0 || complaint.is_some()) {
                let (source, name) = (&case.source, &case.name);
                complaints.push(format!("{source} {name}: ran {again} times, {stored} were stored, {complaint:?}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What a description can say of identity.
#[tokio::test]
async fn a_described_identity_takes_the_first_way_that_finds_something() {
    let described = r#"{"name":"acme","id":["json:/id"],"id_signed":true,"identity":"join:+|json:/a|json:/b else body_with:json:/at else id",
        "event_type":["json:/type"],"signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["acme-signature"]}}"#;
    let scheme: SchemeConfig = serde_json::from_str(described).unwrap();
    let source = Source::new("acme", unchecked(scheme.scheme().unwrap()), Keyring::empty());
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let (gate, inbox) = (receiver.gate("acme").unwrap(), inbox());
    let bodies = [
        (r#"{"a":1,"b":2,"id":3}"#, 1, "two texts"),
        (r#"{"a":1,"b":2,"id":4}"#, 0, "the same two with another id"),
        (r#"{"a":1,"at":5,"id":3}"#, 1, "a body with a time"),
        (r#"{"a":2,"at":5,"id":3}"#, 1, "another body with the same time"),
        (r#"{"a":2,"at":5,"id":3}"#, 0, "a copy of it"),
        (r#"{"a":1,"id":3}"#, 1, "an id"),
        (r#"{"a":2,"id":3}"#, 0, "the id again"),
        (r#"{"a":2,"id":3,"type":"t"}"#, 1, "the id under another type"),
        (r#"{"a":2}"#, 1, "nothing that identifies it"),
        (r#"{"a":2}"#, 1, "nothing again"),
    ];
    for (body, wanted, what) in bodies {
        let request = || Request::post("/in").body(Full::from(body)).unwrap();
        assert_eq!(post(&gate, request(), StatusCode::OK).await, (wanted, None), "{what}");
        assert_eq!(store_new(&gate, &inbox, request()).await, wanted, "stored: {what}");
    }
}

/// Found by fuzz/targets/batches.rs: an empty text was taken for what identifies an event, and each event with one was lost as a
/// duplicate of the first.
#[tokio::test]
async fn an_empty_text_identifies_no_event() {
    let described = r#"{"name":"acme","id":["json:/id"],"id_signed":true,"identity":"json:/key",
        "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["acme-signature"]}}"#;
    let with_body = described.replace("json:/key", "body_with:json:/key");
    for described in [described, &with_body] {
        let scheme: SchemeConfig = serde_json::from_str(described).unwrap();
        let source = Source::new("acme", unchecked(scheme.scheme().unwrap()), Keyring::empty());
        let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
        let gate = receiver.gate("acme").unwrap();
        let bodies = [
            (r#"{"key":"","id":1}"#, 1, "an id and no key"),
            (r#"{"key":"","id":2}"#, 1, "another id and no key"),
            (r#"{"key":"","id":2,"more":1}"#, 0, "the id again, with another body"),
            (r#"{"key":"k","id":3}"#, 1, "a key"),
            (r#"{"key":"k","id":3}"#, 0, "a copy"),
            (r#"{"key":""}"#, 1, "nothing"),
            (r#"{"key":""}"#, 1, "nothing again"),
        ];
        for (body, wanted, what) in bodies {
            let request = Request::post("/in").body(Full::from(body)).unwrap();
            assert_eq!(post(&gate, request, StatusCode::OK).await, (wanted, None), "{described} {what}");
        }
    }
}

#[test]
fn every_provider_has_a_sequence() {
    let sequences = list("identity-sequences.json");
    let without = Scheme::all().filter(|it| !sequences.iter().any(|sequence| text(sequence, "provider") == it.name()));
    let without: Vec<_> = without.map(Scheme::name).collect();
    assert!(without.is_empty(), "tests/vectors/identity-sequences.json has none for {without:?}");
}

/// A row whose retries nobody documents says so by `Retries::documented(page)` with the page that was read, and nothing else. One whose page was not
/// read names it by `Retries::unchecked(page)`.
#[test]
fn every_provider_names_the_page_that_documents_its_retries_or_says_nothing_of_them() {
    let missing = Scheme::all().filter(|provider| !provider.retry_docs().starts_with("https://"));
    let missing: Vec<_> = missing.map(Scheme::name).collect();
    assert!(missing.is_empty(), "neither facts nor an explicit unknown: {missing:?}");
}

/// Windows that the provider's own documentation or library states, though it does not say that retries are signed anew.
const STATED: &[&str] = &["calendly", "hubspot", "paddle", "plaid", "twitch"];

#[test]
fn a_window_covers_the_retries_that_are_not_known_to_be_signed_anew() {
    for provider in Scheme::all().filter(|provider| !STATED.contains(&provider.name())) {
        let Some(window) = window(provider) else { continue };
        let past: u64 = window.split(' ').next().unwrap().parse().unwrap();
        let span = provider.retries_last().map_or(0, |span| span.as_secs());
        let covered = provider.retry_is_signed_anew() == Some(true) || past >= span;
        assert!(covered, "{}: {past} s do not cover {span} s", provider.name());
    }
}

/// When the request of an accepted vector was signed, where it says so.
async fn signed_at(case: &Case) -> Option<Timestamp> {
    match run::verify(case).await {
        Ok(Accepted::Event(verified)) => verified.signed_at(),
        Ok(Accepted::Batch(events)) => events.first()?.signed_at(),
        _ => None,
    }
}

#[tokio::test]
async fn the_last_retry_of_a_provider_is_accepted_though_it_carries_the_time_of_the_first_attempt() {
    let mut checked = BTreeSet::new();
    for mut case in cases().into_iter().filter(Case::is_accepted) {
        let provider = Scheme::named(&case.source).unwrap();
        let Some(span) = provider.retries_last().filter(|_| provider.retry_is_signed_anew() != Some(true)) else {
            continue;
        };
        // Their keys end before the last retry, or the provider states another window.
        if STATED.contains(&&*case.source) || ["google_pubsub", "atlassian_connect"].contains(&&*case.source) {
            continue;
        }
        let Some(at) = signed_at(&case).await else { continue };
        case.now = at.as_secs() + i64::try_from(span.as_secs()).unwrap();
        let outcome = run::verify(&case).await;
        assert!(outcome.is_ok(), "{} {}: {outcome:?}", case.source, case.name);
        checked.insert(case.source.clone());
    }
    for provider in ["contentful", "customerio", "klaviyo", "mailgun", "mailgun_route", "sanity", "sendgrid", "zoom"] {
        assert!(checked.contains(provider), "{provider} has no accepted vector");
    }
}

/// What a rejected request is answered, where a status stops the provider's retries or is insisted on.
const REJECTED_BY: &[(&str, u16)] = &[
    ("mailgun", 406),
    ("mailgun_route", 406),
    ("postmark", 403),
    ("postmark_header", 403),
    ("figma", 400),
    ("xero", 401),
];

#[test]
fn a_rejection_has_the_status_that_stops_the_providers_retries() {
    for (name, status) in REJECTED_BY {
        assert_eq!(Scheme::named(name).unwrap().rejection_status(), Some(*status), "{name}");
    }
}

#[test]
fn a_provider_that_uses_the_answer_says_so() {
    for name in ["twilio", "slack", "discord", "supabase", "telegram"] {
        assert!(Scheme::named(name).unwrap().repeats_responses(), "{name}");
    }
    for name in ["github", "stripe", "okta", "discord_events", "line", "dropbox"] {
        assert!(!Scheme::named(name).unwrap().repeats_responses(), "{name}");
    }
}
