//! R-16, R-31 to R-33, R-36, R-38: which requests are the same event, for how long, and the response to a duplicate.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use hookwire::id::Tenant;
use hookwire::provider::{Scheme, SchemeConfig};
use hookwire::receiver::{DedupBy, Source};
use hookwire::signature::{Signing, Tolerance};
use http::StatusCode;

use super::{Bench, TEXT_SECRET, from_github, full, header, signed, standard};

const DAY: Duration = Duration::from_secs(86_400);

fn github() -> Source {
    Source::github(TEXT_SECRET).unwrap()
}

/// A provider that signs the time and not the id, as Zendesk and Sanity do.
static TICKETS: LazyLock<&Scheme> = LazyLock::new(|| {
    let described = r#"{"name":"tickets","signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["X-Signature"],
        "signed":"{ts}.{body}","time":{"header":"X-Time"}},"id":["header:x-id"]}"#;
    serde_json::from_str::<SchemeConfig>(described).unwrap().scheme().unwrap()
});

fn tickets() -> Source {
    Source::new("tickets", &TICKETS, TICKETS.key(TEXT_SECRET).unwrap().into())
}

/// A request that is signed `secs` seconds after the bench's time.
fn from_tickets(id: &str, secs: u64, body: &'static str) -> http::Request<http_body_util::Full<Bytes>> {
    let mut request = http::Request::post("/").header("x-id", id);
    let signing = Signing { id, timestamp: super::START + Duration::from_secs(secs), body: body.as_bytes() };
    let keyring = TICKETS.key(TEXT_SECRET).unwrap().into();
    TICKETS.sign(&signing, &keyring, request.headers_mut().unwrap()).unwrap();
    request.body(full(body)).unwrap()
}

fn is_duplicate<B>(answer: &http::Response<B>) -> bool {
    header(answer, "webhook-duplicate") == Some("true")
}

#[tokio::test]
async fn r_31_a_forged_request_does_not_use_up_the_id() {
    let bench = Bench::new();
    let forged = signed("evt", "{}").map(|_| full("forged"));
    assert_eq!(bench.post(forged).await.status(), StatusCode::UNAUTHORIZED);
    let real = bench.post(signed("evt", "{}")).await;
    assert!(real.status().is_success() && !is_duplicate(&real));
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn r_32_one_id_of_two_sources_or_tenants_is_two_events() {
    let bench = Bench::with(|builder| {
        builder
            .source(standard())
            .source(standard().named("second"))
            .source(standard().named("third").tenant("acme"))
            .source(standard().named("fourth").tenant("bolt"))
    });
    for source in ["standard", "second", "third", "fourth"] {
        assert!(!is_duplicate(&bench.post_to(source, signed("evt", "{}"), StatusCode::OK).await), "{source}");
    }
    assert_eq!(bench.runs(), 4);
}

#[tokio::test]
async fn r_33_a_captured_request_with_a_signed_time_cannot_be_replayed_under_an_invented_id() {
    let bench = Bench::with(|builder| builder.source(tickets()));
    assert!(!is_duplicate(&bench.post_to("tickets", from_tickets("1", 0, "{}"), StatusCode::OK).await));
    for invented in ["2", "3"] {
        assert!(is_duplicate(&bench.post_to("tickets", from_tickets(invented, 0, "{}"), StatusCode::OK).await));
    }
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn equal_bodies_at_two_signed_times_are_two_events() {
    let bench = Bench::with(|builder| builder.source(tickets()));
    for (id, secs) in [("1", 0), ("2", 60)] {
        assert!(!is_duplicate(&bench.post_to("tickets", from_tickets(id, secs, ""), StatusCode::OK).await), "{id}");
    }
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn a_retry_that_is_signed_anew_is_a_duplicate_by_its_id() {
    let bench = Bench::with(|builder| builder.source(tickets()));
    for (secs, duplicate) in [(0, false), (60, true), (120, true)] {
        let answer = bench.post_to("tickets", from_tickets("1", secs, "{}"), StatusCode::OK).await;
        assert_eq!(is_duplicate(&answer), duplicate, "{secs}");
    }
}

#[tokio::test]
async fn without_a_signed_time_equal_bodies_under_two_ids_are_two_events() {
    let bench = Bench::with(|builder| builder.source(github()));
    for (delivery, duplicate) in [("1", false), ("2", false), ("1", true)] {
        let answer = bench.post_to("github", from_github(delivery, "{}"), StatusCode::OK).await;
        assert_eq!(is_duplicate(&answer), duplicate, "{delivery}");
    }
}

#[tokio::test]
async fn a_source_without_dedup_handles_every_request() {
    let bench = Bench::with(|builder| builder.source(standard().without_dedup()));
    for _ in 0..3 {
        assert!(!is_duplicate(&bench.post(signed("evt", "{}")).await));
    }
    assert_eq!(bench.runs(), 3);
}

#[tokio::test]
async fn a_forgotten_event_is_handled_again_and_others_are_not() {
    let bench = Bench::with(|b| b.source(standard()).source(standard().named("second")).source(tickets()));
    for (source, id) in [("standard", "a"), ("standard", "b"), ("second", "a")] {
        bench.post_to(source, signed(id, "{}"), StatusCode::OK).await;
    }
    bench.post_to("tickets", from_tickets("a", 0, "{}"), StatusCode::OK).await;
    let receiver = bench.receiver.clone();
    let (standard, tickets) = (receiver.gate("standard").unwrap(), receiver.gate("tickets").unwrap());
    assert_eq!(standard.forget(&"other".into(), &["a"]).await.unwrap(), [0], "another tenant");
    assert_eq!(standard.forget(&Tenant::default(), &["a", "never-seen"]).await.unwrap(), [1, 0]);
    assert!(!is_duplicate(&bench.post(signed("a", "{}")).await), "handled again");
    assert!(is_duplicate(&bench.post(signed("a", "{}")).await), "once");
    assert!(is_duplicate(&bench.post(signed("b", "{}")).await), "another id");
    assert!(is_duplicate(&bench.post_to("second", signed("a", "{}"), StatusCode::OK).await), "another source");
    assert_eq!(tickets.forget(&Tenant::default(), &["a"]).await.unwrap(), [2], "the identity and the signed bytes");
    assert!(!is_duplicate(&bench.post_to("tickets", from_tickets("a", 0, "{}"), StatusCode::OK).await));
}

#[tokio::test]
async fn r_33_an_unsigned_id_that_was_seen_suppresses_no_other_event() {
    let bench = Bench::with(|builder| builder.source(github()));
    bench.post_to("github", from_github("1", "{}"), StatusCode::OK).await;
    assert!(!is_duplicate(&bench.post_to("github", from_github("1", r#"{"n":2}"#), StatusCode::OK).await));
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn equal_bodies_are_one_event_if_the_source_is_configured_so() {
    let bench = Bench::with(|builder| builder.source(github().dedup_by(DedupBy::Body)));
    for (delivery, duplicate) in [("1", false), ("2", true), ("1", true)] {
        let answer = bench.post_to("github", from_github(delivery, "{}"), StatusCode::OK).await;
        assert_eq!(is_duplicate(&answer), duplicate, "{delivery}");
    }
}

#[tokio::test]
async fn r_36_an_event_is_remembered_for_the_retention_and_no_longer() {
    let any_time = || standard().tolerance(Tolerance::dangerous_any());
    let bench = Bench::with(|builder| builder.source(any_time()));
    bench.post(signed("evt", "{}")).await;
    bench.clock.advance(14 * DAY - Duration::from_secs(1));
    assert!(is_duplicate(&bench.post(signed("evt", "{}")).await), "a late retry of the slowest sender");
    bench.clock.advance(Duration::from_secs(1));
    assert!(!is_duplicate(&bench.post(signed("evt", "{}")).await));
    assert_eq!(bench.runs(), 2);
}

#[tokio::test]
async fn r_36_records_are_deleted_after_their_retention() {
    let bench = Bench::with(|b| b.source(standard().tolerance(Tolerance::dangerous_any())));
    for number in 0..600 {
        bench.post(signed(&format!("old{number}"), "{}")).await;
    }
    bench.clock.advance(15 * DAY);
    for number in 0..1_024 {
        bench.post(signed(&format!("new{number}"), "{}")).await;
    }
    let text = format!("{:?}", bench.store.inner);
    assert!(text.contains("records: 1024,"), "the 600 old ones are gone: {text}");
}

#[tokio::test]
async fn r_38_a_duplicate_gets_the_first_status_and_no_body() {
    let bench = Bench::new();
    let first = bench.post_to("standard", signed("evt", "{}"), StatusCode::ACCEPTED).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let second = bench.post_to("standard", signed("evt", "{}"), StatusCode::CREATED).await;
    assert_eq!(second.status(), StatusCode::ACCEPTED);
    assert!(second.body().is_empty() && is_duplicate(&second));
}

#[tokio::test]
async fn r_16_the_handler_gets_exactly_the_bytes_that_were_verified() {
    let bench = Bench::new();
    let body = Bytes::from_static(br#"{"n":1}"#);
    let at = body.as_ptr();
    let handler = |verified: hookwire::receiver::Verified| async move {
        if verified.body().as_ptr() == at { StatusCode::OK } else { StatusCode::IM_A_TEAPOT }
    };
    assert_eq!(bench.gate("standard").receive(signed("evt", body), handler).await.status(), StatusCode::OK);
}
