//! Lists of deliveries by the last attempt, and by a label of the endpoint.

use super::given::{DAY, MICRO, MINUTE, NOW, endpoint, event, lane, new_event, next_version, ok, one, queue, received};
use super::subject::{Subject, assert_ends};
use crate::clock::Timestamp;
use crate::delivery::{Attempt, DeliveryState, Settlement};
use crate::endpoint::{Endpoint, Labels};
use crate::event::{Event, EventType, NewEvent};
use crate::id::{DeliveryId, LaneId, Work};
use crate::outcome::{Outcome, OutcomeFilter};
use crate::retry::{Decision, FailReason};
use crate::store::{Control, DeliveryQuery, Directory, History, Outbox, Page};

const FAIL: Decision = Decision::Fail { reason: FailReason::Exhausted };
const RETRY: Decision = Decision::Retry { at: Timestamp::from_secs(1_700_864_000), paused_until: None };

/// An excerpt that looks like the columns of an attempt.
const EXCERPT: &str = r#"{"at":1,"class":"dns","status":404},"class":"dns","status":404"#;

/// Everything that a query lists, by pages of two.
async fn found<S: History + ?Sized>(
    subject: &Subject<S>,
    query: &DeliveryQuery,
    newest_first: bool,
) -> Vec<DeliveryId> {
    let (mut found, mut page) = (Vec::new(), Page { newest_first, ..Page::of(2) });
    for round in 0.. {
        assert_ends(round);
        let listed = ok(subject.second.deliveries(query, page).await);
        found.extend(listed.items.iter().map(|delivery| delivery.id));
        let Some(next) = listed.next else { break };
        page = page.after(next);
    }
    found
}

/// Claims the only delivery of a lane that is due, and records an attempt.
async fn attempt<S>(subject: &Subject<S>, lane: LaneId, now: Timestamp, (outcome, next): (Outcome, Decision))
where
    S: Outbox + ?Sized,
{
    let leased = one(subject.claim(lane, 9, now).await);
    let attempt = Attempt::new(leased.attempt, now, MICRO, outcome).with_excerpt(Some(EXCERPT.into()));
    ok(subject.store.settle(vec![Settlement::of(&leased, next, now + MICRO).with_attempt(attempt)]).await);
}

fn made(tenant: &str) -> Event {
    new_event(NewEvent::json("user.made", &1)).tenant(tenant).seal(NOW)
}

/// Two lanes and two tenants. The attempt at the delivery with the number `n` began at `NOW` and `n` minutes; the last delivery was never
/// attempted.
struct Scene {
    lanes: [LaneId; 2],
    ids: Vec<DeliveryId>,
}

impl Scene {
    async fn of<S: Outbox + ?Sized>(subject: &Subject<S>) -> Self {
        let lanes = [lane(), lane()];
        let attempts = [
            (event("acme"), 0, Outcome::Status(204), Decision::Delivered),
            (event("acme"), 0, Outcome::Status(503), RETRY),
            (event("acme"), 1, Outcome::Status(500), FAIL),
            (made("umbrella"), 1, Outcome::Timeout, RETRY),
            (made("umbrella"), 1, Outcome::Status(404), FAIL),
            (made("umbrella"), 0, Outcome::Status(599), FAIL),
        ];
        let (mut ids, mut now) = (Vec::new(), NOW);
        for (event, place, outcome, next) in attempts {
            ids.push(subject.owe_event_at(event, lanes[place], now).await);
            attempt(subject, lanes[place], now, (outcome, next)).await;
            now = now + MINUTE;
        }
        ids.push(subject.owe_at(lanes[0], now).await);
        Self { lanes, ids }
    }

    fn of_places(&self, places: &[usize]) -> Vec<DeliveryId> {
        places.iter().map(|place| self.ids[*place]).collect()
    }
}

fn by(name: &str) -> DeliveryQuery {
    let outcome = OutcomeFilter::from_name(name);
    assert!(outcome.is_some(), "{name} is the name of a filter");
    DeliveryQuery { outcome, ..DeliveryQuery::default() }
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> DeliveryQuery {
    DeliveryQuery { attempted_from: from, attempted_to: to, ..DeliveryQuery::default() }
}

/// A class, a status and a class of statuses select by the last attempt, alone and with every other condition.
pub(super) async fn deliveries_are_listed_by_the_outcome_of_the_last_attempt<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let scene = Scene::of(subject).await;
    let [first, second] = scene.lanes.map(Some);
    let in_state = |state, query| DeliveryQuery { state: Some(state), ..query };
    let of_tenant = |name: &str, query| DeliveryQuery { tenant: Some(name.into()), ..query };
    let of_type = |name, query| DeliveryQuery { event_type: EventType::new(name).ok(), ..query };
    let expected: [(DeliveryQuery, &[usize]); 19] = [
        (by("status"), &[0, 1, 2, 4, 5]),
        (by("2xx"), &[0]),
        (by("3xx"), &[]),
        (by("4xx"), &[4]),
        (by("5xx"), &[1, 2, 5]),
        (by("503"), &[1]),
        (by("502"), &[]),
        (by("404"), &[4]),
        (by("timeout"), &[3]),
        (by("dns"), &[]),
        (of_tenant("acme", by("5xx")), &[1, 2]),
        (of_tenant("umbrella", by("5xx")), &[5]),
        (DeliveryQuery { lane: second, ..by("5xx") }, &[2]),
        (DeliveryQuery { lane: first, ..by("timeout") }, &[]),
        (in_state(DeliveryState::Pending, by("5xx")), &[1]),
        (in_state(DeliveryState::Failed, by("5xx")), &[2, 5]),
        (in_state(DeliveryState::Pending, by("timeout")), &[3]),
        (of_type("user.made", by("status")), &[4, 5]),
        (DeliveryQuery { from: Some(NOW + MINUTE * 2), to: Some(NOW + MINUTE * 5), ..by("5xx") }, &[2]),
    ];
    for (query, places) in expected {
        assert_eq!(found(subject, &query, false).await, scene.of_places(places), "{query:?}");
    }
}

/// The first time belongs to the span, and the last one does not. A delivery that was never attempted is in no span.
pub(super) async fn deliveries_are_listed_by_the_time_of_the_last_attempt<S>(subject: &Subject<S>)
where
    S: Outbox + History + ?Sized,
{
    let scene = Scene::of(subject).await;
    let at = |n: u32| Some(NOW + MINUTE * n);
    let after = |n: u32| Some(NOW + MINUTE * n + MICRO);
    let expected: [(DeliveryQuery, &[usize]); 10] = [
        (between(Some(Timestamp::from_micros(i64::MIN)), None), &[0, 1, 2, 3, 4, 5]),
        (between(None, Some(Timestamp::MAX)), &[0, 1, 2, 3, 4, 5]),
        (between(at(4), None), &[4, 5]),
        (between(after(4), None), &[5]),
        (between(None, at(1)), &[0]),
        (between(None, after(1)), &[0, 1]),
        (between(at(2), at(3)), &[2]),
        (between(after(2), at(3)), &[]),
        (DeliveryQuery { lane: Some(scene.lanes[1]), ..between(at(1), at(4)) }, &[2, 3]),
        (DeliveryQuery { tenant: Some("acme".into()), ..between(at(1), None) }, &[1, 2]),
    ];
    for (query, places) in expected {
        assert_eq!(found(subject, &query, false).await, scene.of_places(places), "{query:?}");
    }
    // The last attempt counts, and not the first one or the time at which the delivery was made.
    let again = NOW + DAY * 11;
    attempt(subject, scene.lanes[1], again, (Outcome::Connect, RETRY)).await;
    let query = between(Some(NOW), Some(NOW + DAY));
    assert_eq!(found(subject, &query, false).await, scene.of_places(&[0, 1, 2, 4, 5]));
    assert_eq!(found(subject, &between(Some(again), None), false).await, scene.of_places(&[3]));
    assert_eq!(found(subject, &by("connect"), false).await, scene.of_places(&[3]));
    assert_eq!(found(subject, &by("timeout"), false).await, [], "an earlier attempt does not count");
}

/// After a resend, the last attempt is the one before it until another attempt is recorded. An end without an attempt changes nothing.
pub(super) async fn a_resent_delivery_is_listed_by_its_last_attempt<S>(subject: &Subject<S>)
where
    S: Outbox + History + Control + ?Sized,
{
    let scene = Scene::of(subject).await;
    let (id, later) = (scene.ids[2], NOW + MINUTE * 30);
    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(id, later)]).await), [true]);
    let pending = DeliveryQuery { state: Some(DeliveryState::Pending), ..by("500") };
    assert_eq!(found(subject, &pending, false).await, [id]);
    let leased = one(subject.claim(scene.lanes[1], 9, later).await);
    assert_eq!(found(subject, &pending, false).await, [id], "while it is leased");
    let expired = Decision::Fail { reason: FailReason::Expired };
    ok(subject.store.settle(vec![Settlement::of(&leased, expired, later)]).await);
    assert_eq!(found(subject, &by("500"), false).await, [id], "it ended without an attempt");
    assert_eq!(found(subject, &between(Some(later), None), false).await, [], "it ended without an attempt");
    assert_eq!(ok(subject.store.resend(Work::Sent, vec![(id, later)]).await), [true]);
    attempt(subject, scene.lanes[1], later, (Outcome::Status(200), Decision::Delivered)).await;
    assert_eq!(found(subject, &by("500"), false).await, []);
    assert_eq!(found(subject, &by("200"), false).await, [id]);
    assert_eq!(found(subject, &between(Some(later), None), false).await, [id]);
    assert!(ok(subject.store.cancel(Work::Sent, vec![scene.ids[3]], later).await)[0]);
    let cancelled = DeliveryQuery { state: Some(DeliveryState::Cancelled), ..by("timeout") };
    assert_eq!(found(subject, &cancelled, false).await, scene.of_places(&[3]));
}

/// An endpoint with these labels.
async fn labelled<S: Directory + ?Sized>(subject: &Subject<S>, tenant: &str, labels: &[(&str, &str)]) -> Endpoint {
    let mut all = Labels::new();
    for (name, value) in labels {
        all = all.with(name, value).unwrap_or_else(|error| panic!("{error}"));
    }
    let endpoint = Endpoint { labels: all, retry: Some("pro".into()), ..endpoint(tenant) };
    subject.put(&endpoint).await;
    endpoint
}

fn with_label(name: &str, value: &str) -> DeliveryQuery {
    DeliveryQuery { label: Some((name.into(), value.into())), ..DeliveryQuery::default() }
}

/// The present labels of the endpoint count, byte by byte.
pub(super) async fn deliveries_are_listed_by_a_label_of_the_endpoint<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + ?Sized,
{
    let strange = "größe ' \" \\ \u{0} {},:\n";
    let endpoints = [
        labelled(subject, "acme", &[("plan", "pro"), ("region", "eu")]).await,
        labelled(subject, "umbrella", &[("a", "{\"}"), ("plan", "pro"), ("z", "}")]).await,
        labelled(subject, "acme", &[("plan", "pro "), ("Plan", "pro"), ("strange", strange)]).await,
        labelled(subject, "acme", &[("note", "\",\"plan\":\"pro"), ("pla", ",\"plan\":\"pro\","), ("plan", "")]).await,
        labelled(subject, "acme", &[]).await,
        labelled(subject, "acme", &[("1", ","), (":", ",x"), ("x", "(.*)")]).await,
    ];
    let (mut ids, mut now) = (Vec::new(), NOW);
    for endpoint in &endpoints {
        ids.push(subject.owe_event_at(event(endpoint.tenant.as_str()), endpoint.id, now).await);
        now = now + MINUTE;
    }
    subject.owe_at(lane(), now).await;
    subject.owe_event_at(received("order-1"), queue("all"), now).await;
    let of = |places: &[usize]| places.iter().map(|place| ids[*place]).collect::<Vec<_>>();
    let pro = || with_label("plan", "pro");
    let expected: [(DeliveryQuery, &[usize]); 20] = [
        (pro(), &[0, 1]),
        (with_label("region", "eu"), &[0]),
        (with_label("region", "us"), &[]),
        (with_label("Plan", "pro"), &[2]),
        (with_label("plan", "pro "), &[2]),
        (with_label("plan", "Pro"), &[]),
        (with_label("plan", ""), &[3]),
        (with_label("strange", strange), &[2]),
        (with_label("a", "{\"}"), &[1]),
        (with_label("z", "}"), &[1]),
        (with_label("retry", "pro"), &[]),
        (with_label(":", ",x"), &[5]),
        (with_label("x", "(.*)"), &[5]),
        (with_label(",", ":"), &[]),
        (with_label("x", ".*"), &[]),
        (with_label("strange", "größe ' \" \\ "), &[]),
        (DeliveryQuery { tenant: Some("umbrella".into()), ..pro() }, &[1]),
        (DeliveryQuery { lane: Some(endpoints[0].id.into()), ..pro() }, &[0]),
        (DeliveryQuery { lane: Some(endpoints[2].id.into()), ..pro() }, &[]),
        (DeliveryQuery { work: Work::Received, ..pro() }, &[]),
    ];
    for (query, places) in expected {
        assert_eq!(found(subject, &query, false).await, of(places), "{query:?}");
    }
    let labels = endpoints[0].labels.clone();
    subject.put(&Endpoint { labels, ..next_version(&endpoints[4]) }).await;
    subject.put(&Endpoint { labels: Labels::new(), ..next_version(&endpoints[0]) }).await;
    assert_eq!(found(subject, &pro(), false).await, of(&[1, 4]), "the endpoints as they are now");
    subject.disable(&endpoints[1]).await;
    let held = DeliveryQuery { state: Some(DeliveryState::Held), ..pro() };
    assert_eq!(found(subject, &held, false).await, of(&[1]));
    ok(subject.store.remove(endpoints[1].id, None, now).await);
    assert_eq!(found(subject, &pro(), false).await, of(&[4]), "a removed endpoint has no labels");
}

/// All conditions together list every match once, in both directions.
pub(super) async fn conditions_on_the_last_attempt_page_without_gaps<S>(subject: &Subject<S>)
where
    S: Outbox + Directory + History + ?Sized,
{
    let endpoint = labelled(subject, "acme", &[("plan", "pro")]).await;
    let other = labelled(subject, "acme", &[("plan", "free")]).await;
    let mut expected = Vec::new();
    for n in 0..9_u32 {
        let now = NOW + MINUTE * n;
        for (of, outcome) in
            [(&endpoint, Outcome::Status(500)), (&other, Outcome::Status(500)), (&endpoint, Outcome::Reset)]
        {
            let id = subject.owe_at(of.id, now).await;
            attempt(subject, of.id.into(), now, (outcome, FAIL)).await;
            if of.id == endpoint.id && outcome == Outcome::Status(500) && (2..8).contains(&n) {
                expected.push(id);
            }
        }
    }
    let query = DeliveryQuery {
        label: Some(("plan".into(), "pro".into())),
        tenant: Some("acme".into()),
        state: Some(DeliveryState::Failed),
        ..between(Some(NOW + MINUTE * 2), Some(NOW + MINUTE * 8))
    };
    let query = DeliveryQuery { outcome: by("5xx").outcome, ..query };
    assert_eq!(found(subject, &query, false).await, expected);
    expected.reverse();
    assert_eq!(found(subject, &query, true).await, expected);
}
