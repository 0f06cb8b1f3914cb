//! Lists are filtered by the last attempt and by label, and are read in both directions.

use std::time::Duration;

use serde_json::{Value, json};

use hookwire::clock::Timestamp;
use hookwire::delivery::{Attempt, Settlement};
use hookwire::endpoint::{Labels, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::{Claim, MemoryStore, Outbox as _};
use hookwire::testing::ManualClock;

use super::api::{Api, Who};

/// 2026-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);
const FAIL: Decision = Decision::Fail { reason: FailReason::Exhausted };
const RETRY: Decision = Decision::Retry { at: Timestamp::from_secs(1_767_312_000), paused_until: None };

struct Scene {
    api: Api,
    store: MemoryStore,
    clock: ManualClock,
}

impl Scene {
    fn new() -> Self {
        let (store, clock) = (MemoryStore::new(), ManualClock::at(NOW));
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let sender = Sender::builder(store.clone()).egress(egress).clock(clock.clone()).build().unwrap();
        Self { api: Api::over(sender), store, clock }
    }

    /// An endpoint for the events of one type.
    async fn endpoint(&self, tenant: &str, event_type: &str, plan: &str) -> EndpointId {
        let target = Target::parse("http://127.0.0.1:9000/in").unwrap();
        let new = NewEndpoint::at(target).tenant(tenant).events([event_type]).unwrap();
        let labels = Labels::new().with("plan", plan).unwrap();
        self.api.sender.endpoints().create(new.labels(labels)).await.unwrap().id
    }

    /// Dispatches an event a minute after the last one. Returns its only delivery.
    async fn dispatch(&self, tenant: &str, event_type: &str) -> String {
        self.clock.advance(Duration::from_secs(60));
        let event = NewEvent::json(event_type, &1).unwrap().tenant(tenant);
        self.api.sender.dispatch(event).await.unwrap().deliveries[0].to_string()
    }

    /// Records an attempt at the only delivery of an endpoint that is due.
    async fn attempt(&self, endpoint: EndpointId, minute: u32, outcome: Outcome, next: Decision) {
        let now = NOW + Duration::from_secs(60) * minute;
        let claim = Claim { lanes: vec![(endpoint.into(), 9)], now, until: now + Duration::from_secs(60) };
        let [leased] = &self.store.claim(claim).await.unwrap().leased[..] else { panic!("one delivery is due") };
        let attempt = Attempt::new(leased.attempt, now, Duration::from_millis(9), outcome);
        self.store.settle(vec![Settlement::of(leased, next, now).with_attempt(attempt)]).await.unwrap();
    }

    async fn ids(&self, who: Who, query: &str) -> Vec<String> {
        let page = self.api.ask(who, &format!("GET /deliveries?{query}"), None).await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        page.json()["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn deliveries_are_filtered_by_their_last_attempt_and_by_label() {
    let scene = Scene::new();
    let pro = scene.endpoint("acme", "a.b", "pro").await;
    let free = scene.endpoint("acme", "c.d", "free").await;
    let theirs = scene.endpoint("other", "a.b", "pro").await;
    let mut ids = Vec::new();
    for (tenant, event_type, endpoint, outcome, next) in [
        ("acme", "a.b", pro, Outcome::Status(503), RETRY),
        ("acme", "a.b", pro, Outcome::Timeout, FAIL),
        ("acme", "c.d", free, Outcome::Status(500), FAIL),
        ("other", "a.b", theirs, Outcome::Status(503), FAIL),
    ] {
        ids.push(scene.dispatch(tenant, event_type).await);
        scene.attempt(endpoint, u32::try_from(ids.len()).unwrap(), outcome, next).await;
    }
    ids.push(scene.dispatch("acme", "a.b").await);
    let of = |places: &[usize]| places.iter().map(|place| ids[*place].clone()).collect::<Vec<_>>();
    let (minute_2, minute_3) = ("2026-01-01T00:02:00Z", "2026-01-01T00:03:00Z");
    let cases: [(Who, String, &[usize]); 12] = [
        (Some("acme"), String::new(), &[4, 2, 1, 0]),
        (Some("acme"), "outcome=5xx".into(), &[2, 0]),
        (Some("*"), "outcome=5xx".into(), &[3, 2, 0]),
        (Some("acme"), "outcome=503".into(), &[0]),
        (Some("acme"), "outcome=timeout".into(), &[1]),
        (Some("acme"), "outcome=dns".into(), &[]),
        (Some("acme"), "outcome=status&label=plan%3Dpro".into(), &[0]),
        (Some("*"), "outcome=status&label=plan=pro".into(), &[3, 0]),
        (Some("acme"), "label=plan=pro&state=pending".into(), &[4, 0]),
        (Some("acme"), format!("attempted_from={minute_2}&attempted_to={minute_3}"), &[1]),
        (Some("acme"), format!("attempted_to={minute_2}"), &[0]),
        (Some("acme"), format!("attempted_from={minute_2}&outcome=5xx&label=plan=free&state=failed"), &[2]),
    ];
    for (who, query, places) in cases {
        assert_eq!(scene.ids(who, &query).await, of(places), "{who:?} {query}");
    }
}

#[tokio::test]
async fn a_problem_says_what_a_filter_may_be() {
    let api = Api::new();
    for (query, field, remedy) in [
        ("outcome=late", "outcome", "503"),
        ("outcome=6xx", "outcome", "5xx"),
        ("label=plan", "label", "plan=pro"),
        ("label==pro", "label", "plan=pro"),
        ("attempted_from=x", "attempted_from", "2026-01-31T12:00:00Z"),
        ("attempted_to=x", "attempted_to", "2026-01-31T12:00:00Z"),
        ("before=x", "before", "must be"),
        (
            "before=dlv_00000000000070008000000000000000&cursor=dlv_00000000000070008000000000000000",
            "before",
            "must be absent",
        ),
    ] {
        let answer = api.ask(Some("acme"), &format!("GET /deliveries?{query}"), None).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "invalid"), "{query}: {answer:?}");
        assert_eq!(answer.member("/field"), field, "{query}");
        assert!(answer.member("/detail").contains(remedy), "{query}: {answer:?}");
    }
}

fn items(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(Value::to_string).collect()
}

#[tokio::test]
async fn a_list_is_read_back_to_its_beginning() {
    let api = Api::new();
    for turn in 0..5 {
        let new = json!({"url": "http://127.0.0.1:9000/in"});
        assert_eq!(api.ask(Some("acme"), "POST /endpoints", Some(&new)).await.status, 201);
        let event = json!({"type": "a.b", "id": format!("event-{turn}"), "data": turn});
        assert_eq!(api.ask(Some("acme"), "POST /events", Some(&event)).await.status, 202);
    }
    for (path, count) in [("/events", 5), ("/deliveries", 15), ("/audit", 5), ("/deliveries?outcome=5xx", 0)] {
        for order in ["newest_first", "oldest_first"] {
            let joined = if path.contains('?') { '&' } else { '?' };
            let list = format!("GET {path}{joined}limit=2&order={order}");
            let mut pages = vec![api.ask(Some("acme"), &list, None).await.json()];
            while let Some(next) = pages[pages.len() - 1]["next_cursor"].as_str() {
                let line = format!("{list}&cursor={next}");
                pages.push(api.ask(Some("acme"), &line, None).await.json());
            }
            let forward: Vec<_> = pages.iter().map(items).collect();
            assert_eq!(forward.concat().len(), count, "{list}");
            assert!(pages[0].get("previous_cursor").is_none(), "nothing is before the first page: {list}");
            let (mut backward, mut page) = (Vec::new(), pages.pop().unwrap());
            while let Some(previous) = page["previous_cursor"].as_str() {
                page = api.ask(Some("acme"), &format!("{list}&before={previous}"), None).await.json();
                let next = page["next_cursor"].as_str().unwrap();
                let after = api.ask(Some("acme"), &format!("{list}&cursor={next}"), None).await.json();
                assert_eq!(items(&after), forward[forward.len() - 1 - backward.len()], "{list}");
                backward.push(items(&page));
            }
            backward.reverse();
            assert_eq!(backward, forward[..forward.len() - 1], "{list}");
        }
    }
}
