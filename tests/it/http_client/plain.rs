//! Outcomes and repetition over plain `http`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::SystemClock;
use hookwire::outcome::{MAX_EXCERPT_BYTES, Outcome, Report};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};
use hookwire::testing::http::exchange;

fn client(timeout: Duration) -> HttpClient {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    HttpClient::new(HttpOptions::default().exchange_timeout(timeout).egress(egress), Arc::new(SystemClock)).unwrap()
}

/// Posts `{}`. Each request carries its number, as a real one carries a new signature.
async fn post(client: &HttpClient, url: &str) -> (Report, usize) {
    let mut made = 0;
    let make = || {
        made += 1;
        let request = http::Request::post(url).header("x-made", made);
        request.body(Bytes::from_static(b"{}")).unwrap()
    };
    let report = exchange(client, None, make).await;
    (report, made)
}

async fn outcome_of(behaviour: Behaviour, timeout: Duration) -> Outcome {
    let endpoint = ScriptedEndpoint::start([behaviour]).await.unwrap();
    post(&client(timeout), &endpoint.url("/")).await.0.outcome
}

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_failed_response_has_the_matching_outcome() {
    let then_close = |bytes: &'static str| Behaviour::AnswerThenClose(bytes.into());
    for (behaviour, expected) in [
        (Behaviour::close(), Outcome::Reset),
        (Behaviour::reset(), Outcome::Reset),
        (then_close("HTTP/1.1 200 O"), Outcome::Reset),
        (then_close("SSH-2.0-OpenSSH_9.9\r\n"), Outcome::Protocol),
        (
            then_close("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            Outcome::Protocol,
        ),
        (Behaviour::Endless("HTTP/1.1 200 OK\r\n".into(), "x-filler: 0123456789\r\n".into()), Outcome::Protocol),
    ] {
        let shown = format!("{behaviour:?}");
        assert_eq!(outcome_of(behaviour, LONG).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn the_status_decides_even_if_the_body_fails() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf";
    for behaviour in [
        Behaviour::AnswerThenReset(head.into()),
        Behaviour::AnswerThenClose(head.into()),
        Behaviour::answer(head),
        Behaviour::answer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        Behaviour::answer(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
        Behaviour::AnswerThenClose("HTTP/1.0 200 OK\r\n\r\nto the end".into()),
        Behaviour::Endless("HTTP/1.1 200 OK\r\n\r\n".into(), vec![b'x'; 4096].into()),
    ] {
        let shown = format!("{behaviour:?}");
        assert_eq!(outcome_of(behaviour, SHORT).await, Outcome::Status(200), "{}", &shown[..60.min(shown.len())]);
    }
}

#[tokio::test]
async fn a_slow_or_silent_endpoint_ends_with_the_timeout() {
    let slow = Behaviour::Trickle("HTTP/1.1 200 OK\r\n\r\n".into(), Duration::from_secs(1));
    for behaviour in [Behaviour::Hang, slow] {
        assert_eq!(outcome_of(behaviour, SHORT).await, Outcome::Timeout);
    }
}

#[tokio::test]
async fn a_refused_connection_is_a_connect_failure() {
    let endpoint = ScriptedEndpoint::start([]).await.unwrap();
    let url = endpoint.url("/");
    drop(endpoint);
    tokio::task::yield_now().await;
    assert_eq!(post(&client(LONG), &url).await.0.outcome, Outcome::Connect);
}

#[tokio::test]
async fn the_excerpt_of_an_endless_body_is_bounded() {
    let endless = Behaviour::Endless("HTTP/1.1 500 No\r\n\r\n".into(), vec![b'x'; 4096].into());
    let endpoint = ScriptedEndpoint::start([endless]).await.unwrap();
    let (report, _) = post(&client(LONG), &endpoint.url("/")).await;
    assert_eq!((report.outcome, report.excerpt.unwrap().len()), (Outcome::Status(500), MAX_EXCERPT_BYTES));
}

#[tokio::test]
async fn f_20_a_request_on_a_reused_connection_that_breaks_is_made_anew_exactly_once() {
    let script = [Behaviour::status(200), Behaviour::close(), Behaviour::close(), Behaviour::status(200)];
    let endpoint = ScriptedEndpoint::start(script).await.unwrap();
    let client = client(LONG);
    assert_eq!(post(&client, &endpoint.url("/")).await.0.outcome, Outcome::Status(200));
    let (report, made) = post(&client, &endpoint.url("/")).await;
    assert_eq!((report.outcome, made, endpoint.requests().len()), (Outcome::Reset, 2, 3));
    assert!(String::from_utf8_lossy(&endpoint.requests()[2]).contains("x-made: 2"));
}

#[tokio::test]
async fn f_20_a_request_on_a_new_connection_that_breaks_is_not_repeated() {
    let endpoint = ScriptedEndpoint::start([Behaviour::close(), Behaviour::status(200)]).await.unwrap();
    let (report, made) = post(&client(LONG), &endpoint.url("/")).await;
    assert_eq!((report.outcome, made, endpoint.requests().len()), (Outcome::Reset, 1, 1));
}
