//! Every field of an endpoint reads back as it was put.

use std::num::NonZeroU32;
use std::time::Duration;

use super::given::{DAY, MICRO, MINUTE, NOW, endpoint, lookalikes, next_version, ok, some};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::endpoint::{
    CustomHeaders, DisableReason, Endpoint, EndpointState, Filter, Labels, Limits, OnFailure, Rate, Target,
};
use crate::event::Pattern;
use crate::secret::{Key, Keyring};
use crate::store::{Directory, PutResult};

fn must<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn limits(concurrency: u32, count: u32, per: Duration) -> Limits {
    let number = |number: u32| some(NonZeroU32::new(number));
    Limits::default().with_concurrency(number(concurrency)).with_rate(Some(Rate { count: number(count), per }))
}

/// An endpoint with a value in every field that differs from the default.
pub(super) fn full_endpoint(tenant: &str) -> Endpoint {
    let mut full = endpoint(tenant);
    let (url, long) = (format!("https://hooks.example.com/{}", "p".repeat(1_900)), "v".repeat(4_096));
    full.target = must(Target::parse(&url));
    full.fixed_target = true;
    let patterns: Vec<Pattern> = (0..64).map(|n| must(format!("type_{n}.*").parse())).collect();
    full.filter = must(Filter::new(patterns));
    must(full.keys.rotate(must(Key::generate()), NOW, MINUTE + MICRO));
    must(full.keys.add(must(Key::generate_ed25519())));
    full.schemes = ["github", "standard", "größe"].map(Into::into).into();
    full.headers = must(CustomHeaders::new().with("x-long", &long));
    full.headers = must(full.headers.bearer("hush-hush"));
    full.limits = limits(3, 7, Duration::from_micros(1_234_567));
    full.ceiling = Some(limits(9, 70, Duration::from_secs(3_600)));
    full.on_failure = OnFailure::Park;
    full.retry = Some("patient ' größe".into());
    full.traced = true;
    full.labels =
        must(Labels::new().with("plan", "größe ' \" \\ \u{0} \u{1f600} ").and_then(|it| it.with("long", &long)));
    full.labels = must(full.labels.with("Plan", ""));
    full.state = EndpointState::Disabled { reason: DisableReason::Operator, at: NOW + MICRO * 3 };
    full.flagged_at = Some(NOW + MICRO * 5);
    full.created_at = NOW - DAY - MICRO;
    full
}

/// Asserts that two endpoints are equal, and names the field in which they differ. Their health and version do not count.
pub(super) fn assert_same_endpoint(found: &Endpoint, put: &Endpoint) {
    let keys = |endpoint: &Endpoint| -> Vec<_> {
        let entries = endpoint.keys.entries().iter();
        entries.map(|entry| (entry.key.id(), entry.key.expose().to_string(), entry.retires_at)).collect()
    };
    assert_eq!(found.id, put.id, "id");
    assert_eq!(found.tenant, put.tenant, "tenant");
    assert_eq!(found.target, put.target, "target");
    assert_eq!(found.fixed_target, put.fixed_target, "fixed_target");
    assert_eq!(found.filter, put.filter, "filter");
    assert!(keys(found) == keys(put), "keys");
    assert_eq!(found.schemes, put.schemes, "schemes");
    assert!(found.headers == put.headers, "headers");
    assert_eq!(found.limits, put.limits, "limits");
    assert_eq!(found.ceiling, put.ceiling, "ceiling");
    assert_eq!(found.on_failure, put.on_failure, "on_failure");
    assert_eq!(found.retry, put.retry, "retry");
    assert_eq!(found.traced, put.traced, "traced");
    assert_eq!(found.labels, put.labels, "labels");
    assert_eq!(found.state, put.state, "state");
    assert_eq!(found.flagged_at, put.flagged_at, "flagged_at");
    assert_eq!(found.created_at, put.created_at, "created_at");
}

/// Reads the endpoint in each possible way, and compares it.
async fn assert_reads_back<S: Directory + ?Sized>(subject: &Subject<S>, put: &Endpoint) {
    let store = &subject.second;
    let mut found = vec![some(ok(store.get(put.id).await))];
    found.extend(ok(store.list(None, None, 99).await));
    found.extend(ok(store.list(Some(&put.tenant), None, 99).await));
    found.extend(ok(store.of_tenant(&put.tenant).await));
    let found: Vec<_> = found.iter().filter(|found| found.id == put.id).collect();
    assert_eq!(found.len(), 4, "by get, by list twice, and by of_tenant");
    for found in found {
        assert_same_endpoint(found, put);
        assert_eq!(found.version, put.version, "version");
    }
}

/// All fields are kept, when the endpoint is created and after changes in both directions, however it is read.
pub(super) async fn an_endpoint_reads_back_whole<S: Directory + ?Sized>(subject: &Subject<S>) {
    let (full, plain) = (full_endpoint("größer ' acme"), endpoint("größer ' acme"));
    subject.put(&full).await;
    assert_eq!(ok(subject.store.create(plain.clone(), 9).await), PutResult::Stored);
    assert_reads_back(subject, &full).await;
    assert_reads_back(subject, &plain).await;
    let (id, created_at) = (full.id, full.created_at);
    let emptied = Endpoint { id, created_at, version: 2, ..plain.clone() };
    let filled = Endpoint { id: plain.id, created_at: plain.created_at, version: 2, ..full };
    subject.put(&emptied).await;
    subject.put(&filled).await;
    assert_reads_back(subject, &emptied).await;
    assert_reads_back(subject, &filled).await;
}

/// Each reason for which an endpoint is disabled is kept.
pub(super) async fn every_state_of_an_endpoint_reads_back<S: Directory + ?Sized>(subject: &Subject<S>) {
    use DisableReason::{Failing, Gone, Moved, Operator, Policy, Requested, Unproven};
    let mut endpoint = subject.endpoint().await;
    for reason in [Requested, Operator, Gone, Unproven, Policy, Failing, Moved] {
        endpoint = next_version(&endpoint);
        endpoint.state = EndpointState::Disabled { reason, at: NOW + MICRO };
        subject.put(&endpoint).await;
        assert_reads_back(subject, &endpoint).await;
        endpoint = subject.enable(&endpoint).await;
        assert_reads_back(subject, &endpoint).await;
    }
}

/// Keyrings with one key, with ten keys, with retiring keys, and without keys are kept.
pub(super) async fn every_keyring_reads_back<S: Directory + ?Sized>(subject: &Subject<S>) {
    let key = || must(Key::generate());
    let mut retiring = Keyring::new(key());
    must(retiring.rotate(key(), NOW, DAY));
    must(retiring.rotate(key(), NOW, DAY * 2));
    let rings = [Keyring::empty(), Keyring::new(key()), must(Keyring::from_keys((0..10).map(|_| key()))), retiring];
    for keys in rings.into_iter().chain([must(Keyring::from_keys([must(Key::text("größe als text")), key()]))]) {
        let endpoint = Endpoint { keys, ..endpoint("acme") };
        subject.put(&endpoint).await;
        assert_reads_back(subject, &endpoint).await;
    }
}

/// Times outside of this century are kept.
pub(super) async fn times_of_an_endpoint_may_be_far_away<S: Directory + ?Sized>(subject: &Subject<S>) {
    for created_at in [Timestamp::from_micros(-1), Timestamp::from_secs(253_402_300_799)] {
        let endpoint = Endpoint { created_at, flagged_at: Some(created_at), ..endpoint("acme") };
        subject.put(&endpoint).await;
        assert_reads_back(subject, &endpoint).await;
    }
}

/// Tenants are compared byte by byte: none reads another's endpoints or uses up another's limit.
pub(super) async fn endpoints_of_similar_tenants_are_separate<S: Directory + ?Sized>(subject: &Subject<S>) {
    let mut made = Vec::new();
    for name in lookalikes() {
        let endpoint = endpoint(&name);
        assert_eq!(ok(subject.store.create(endpoint.clone(), 1).await), PutResult::Stored, "tenant {name:?}");
        made.push(endpoint);
    }
    for endpoint in made {
        let tenant = &endpoint.tenant;
        for found in [ok(subject.store.of_tenant(tenant).await), ok(subject.store.list(Some(tenant), None, 99).await)] {
            assert_eq!(found.iter().map(|it| it.id).collect::<Vec<_>>(), [endpoint.id], "tenant {tenant}");
        }
    }
}
