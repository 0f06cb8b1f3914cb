//! Requests of frameworks whose types are not those of `http`: the parts and the whole body.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use hookwire::provider::SLACK;
use hookwire::receiver::{RejectionKind, Source};
use hookwire::testing::signed_request;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::{Bench, START, from_github, header, reason, signed, standard};

type Head = (&'static str, String, Vec<(String, Vec<u8>)>);

/// What a framework with types of its own has to give.
async fn parts(request: Request<Full<Bytes>>) -> (Head, Bytes) {
    let (parts, body) = request.into_parts();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    assert_eq!(parts.method, "POST");
    let head = ("POST", parts.uri.to_string(), headers.collect());
    (head, body.collect().await.unwrap().to_bytes())
}

async fn post(bench: &Bench, source: &str, (head, body): (Head, Bytes), answer: StatusCode) -> Response<Bytes> {
    let run = |_| async {
        bench.runs.fetch_add(1, Ordering::Relaxed);
        answer
    };
    bench.gate(source).receive_bytes(head, body, run).await
}

#[tokio::test]
async fn a_request_in_parts_is_handled_once() {
    let bench = Bench::new();
    let request = parts(signed("evt", "{}")).await;
    let first = post(&bench, "standard", request.clone(), StatusCode::ACCEPTED).await;
    assert_eq!((first.status(), header(&first, "webhook-duplicate")), (StatusCode::ACCEPTED, None));
    let again = post(&bench, "standard", request, StatusCode::OK).await;
    assert_eq!((again.status(), header(&again, "webhook-duplicate")), (StatusCode::ACCEPTED, Some("true")));
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn a_request_in_parts_passes_the_same_checks_as_one_with_a_body_to_read() {
    let bench = Bench::with(|builder| builder.source(standard()).max_body(1_000));
    let ((method, uri, headers), body) = parts(signed("evt", "{}")).await;
    let with = |head, body: &Bytes| post(&bench, "standard", (head, body.clone()), StatusCode::OK);

    let forged = with((method, uri.clone(), headers.clone()), &Bytes::from_static(b"{ }")).await;
    assert_eq!(forged.status(), StatusCode::UNAUTHORIZED);
    let long = with((method, uri.clone(), headers.clone()), &vec![b' '; 1_001].into()).await;
    assert_eq!(reason(&long), Some(RejectionKind::BodyTooLarge));
    let got = with(("GET", uri.clone(), headers.clone()), &body).await;
    assert_eq!((got.status(), header(&got, "allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
    let bad_header = [headers.clone(), vec![("x".to_owned(), b"a\nb".to_vec())]].concat();
    for head in [
        ("PO ST", uri.clone(), headers.clone()),
        (method, "/ /".to_owned(), headers.clone()),
        (method, uri, bad_header),
    ] {
        let malformed = with(head, &body).await;
        assert_eq!((malformed.status(), reason(&malformed)), (StatusCode::BAD_REQUEST, Some(RejectionKind::Malformed)));
    }
    assert_eq!(bench.runs(), 0);
}

#[tokio::test]
async fn a_repeated_header_stays_repeated() {
    let bench = Bench::with(|builder| builder.source(Source::github(super::TEXT_SECRET).unwrap()));
    let ((method, uri, mut headers), body) = parts(from_github("d1", "{}")).await;
    let signature = headers.iter().find(|(name, _)| name == "x-hub-signature-256").unwrap().clone();
    headers.push(signature);
    let answer = post(&bench, "github", ((method, uri, headers), body), StatusCode::OK).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "R-07");
}

#[tokio::test]
async fn a_handshake_is_answered() {
    let bench = Bench::with(|builder| builder.source(Source::slack("a secret of some length").unwrap()));
    let body = r#"{"type":"url_verification","challenge":"abc"}"#;
    let keys = SLACK.key("a secret of some length").unwrap().into();
    let request = signed_request(&SLACK, &keys, "/", body, START).unwrap().map(Full::new);
    let answer = post(&bench, "slack", parts(request).await, StatusCode::OK).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(String::from_utf8_lossy(answer.body()).contains("abc"), "{answer:?}");
    assert_eq!(bench.runs(), 0);
}

#[tokio::test]
async fn the_body_of_the_first_response_is_that_of_every_later_one() {
    let bench = Bench::new();
    let (head, body) = parts(signed("evt", "{}")).await;
    let handler = |_| async {
        bench.runs.fetch_add(1, Ordering::Relaxed);
        Response::builder().status(201).header("content-type", "text/plain").body("made").unwrap()
    };
    for duplicate in [None, Some("true")] {
        let answer = bench.gate("standard").receive_bytes(head.clone(), body.clone(), handler).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (201, Some("text/plain")));
        assert_eq!((&answer.body()[..], header(&answer, "webhook-duplicate")), (&b"made"[..], duplicate));
    }
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn after_a_failure_the_retry_is_handled() {
    let bench = Bench::new();
    let request = parts(signed("evt", "{}")).await;
    for answer in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK] {
        assert_eq!(post(&bench, "standard", request.clone(), answer).await.status(), answer);
    }
    let (head, body) = parts(signed("other", "{}")).await;
    let failing = |_| async { Err::<StatusCode, _>("out of stock") };
    let answer = bench.gate("standard").receive_bytes(head.clone(), body.clone(), failing).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(post(&bench, "standard", (head, body), StatusCode::OK).await.status(), StatusCode::OK);
    assert_eq!(bench.runs(), 3);
}

/// Drops the request while its handler runs, as a framework does when the client closes the connection.
async fn cut_off(bench: &Bench, (head, body): (Head, Bytes)) {
    let gate = bench.gate("standard");
    let mut request = pin!(gate.receive_bytes(head, body, |_| pending::<StatusCode>()));
    assert!(request.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[tokio::test]
async fn an_event_whose_client_has_gone_is_handled_again() {
    let bench = Bench::new();
    let request = parts(signed("evt", "{}")).await;
    cut_off(&bench, request.clone()).await;
    assert_eq!(
        post(&bench, "standard", request, StatusCode::OK).await.status(),
        StatusCode::OK,
        "in this process at once"
    );

    let request = parts(signed("other", "{}")).await;
    cut_off(&bench, request.clone()).await;
    // Another process, with the same store.
    let other = Bench::over(bench.store.clone(), bench.clock.clone(), |builder| builder.source(standard()));
    assert_eq!(
        post(&other, "standard", request.clone(), StatusCode::OK).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    other.clock.advance(Duration::from_secs(60));
    assert_eq!(post(&other, "standard", request, StatusCode::OK).await.status(), StatusCode::OK, "after the lease");
}
