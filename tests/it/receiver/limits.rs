//! R-21 to R-23: limits for bodies.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hookwire::receiver::RejectionKind;
use http::{Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};

use super::{Bench, header, reason, signed, standard};

/// A body that must not be read.
struct Untouchable;

impl Body for Untouchable {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        panic!("the body was read");
    }
}

fn replace_body<B>(request: Request<Full<Bytes>>, body: B) -> Request<B> {
    request.map(|_| body)
}

fn small() -> Bench {
    Bench::with(|builder| builder.source(standard()).max_body(1_000))
}

#[tokio::test]
async fn r_21_an_announced_length_over_the_limit_is_rejected_before_the_body_is_read() {
    for length in ["1001", "18446744073709551615"] {
        let mut request = replace_body(signed("evt", "{}"), Untouchable);
        request.headers_mut().insert("content-length", length.parse().unwrap());
        let answer = small().post(request).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(header(&answer, "connection"), Some("close"));
    }
}

#[tokio::test]
async fn r_21_an_unannounced_body_is_cut_off_at_the_limit() {
    let endless = stream::repeat_with(|| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 100]))));
    let answer = small().post(replace_body(signed("evt", "{}"), StreamBody::new(endless))).await;
    assert_eq!(reason(&answer), Some(RejectionKind::BodyTooLarge));
}

#[tokio::test]
async fn r_21_a_wrong_length_does_not_raise_the_limit() {
    let mut request = replace_body(
        signed("evt", "{}"),
        StreamBody::new(stream::iter(
            (0..20).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[b'x'; 100])))),
        )),
    );
    request.headers_mut().insert("content-length", "2".parse().unwrap());
    assert_eq!(small().post(request).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn r_21_the_default_limit_is_one_mebibyte_to_the_byte() {
    let bench = Bench::new();
    assert_eq!(bench.post(signed("a", vec![b'x'; 1 << 20])).await.status(), StatusCode::OK);
    assert_eq!(bench.post(signed("b", vec![b'x'; (1 << 20) + 1])).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn r_21_the_limit_holds_for_bodies_that_a_framework_has_read() {
    let request = Request::post("/").body(Bytes::from(vec![b'x'; 1_001])).unwrap();
    assert_eq!(small().gate("standard").verify(request).await.unwrap_err().kind(), RejectionKind::BodyTooLarge);
}

#[tokio::test]
async fn r_22_nothing_is_decompressed() {
    // 30 bytes of gzip that hold "hello".
    let gzip = hex::decode("1f8b0800000000000003cb48cdc9c9070086a6103605000000").unwrap();
    for encoding in ["gzip", "gzip, gzip", "br", "nonsense"] {
        let bench = Bench::new();
        let mut request = signed("evt", gzip.clone());
        request.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        let handler = |verified: hookwire::receiver::Verified| {
            let same = verified.body() == &gzip;
            async move { if same { StatusCode::OK } else { StatusCode::IM_A_TEAPOT } }
        };
        assert_eq!(bench.gate("standard").receive(request, handler).await.status(), StatusCode::OK, "{encoding}");
    }
}

/// One byte a second, for ever.
fn dripping() -> impl Body<Data = Bytes, Error = Infallible> {
    StreamBody::new(stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Frame::data(Bytes::from_static(b"x")))
    }))
}

#[tokio::test(start_paused = true)]
async fn r_23_a_slow_body_is_cut_off_at_the_deadline() {
    let started = tokio::time::Instant::now();
    let answer = Bench::new().post(replace_body(signed("evt", "{}"), dripping())).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert_eq!(started.elapsed().as_secs(), 10, "on the paused clock");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_rejected() {
    let broken = StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from_static(b"{"))), Err("reset")]));
    let answer = Bench::new().post(replace_body(signed("evt", "{}"), broken)).await;
    assert_eq!(reason(&answer), Some(RejectionKind::BodyBroken));
}

#[tokio::test]
async fn a_source_has_its_own_limit_or_the_receivers_or_the_providers_or_one_mebibyte() {
    let fits = async |bench: Bench, source: &str, bytes: usize| {
        let mut request = Request::post("/").body(Untouchable).unwrap();
        request.headers_mut().insert("content-length", bytes.to_string().parse().unwrap());
        bench.post_to(source, request.map(|_| Full::<Bytes>::default()), StatusCode::OK).await.status()
            != StatusCode::PAYLOAD_TOO_LARGE
    };
    let github = || hookwire::receiver::Source::github(super::TEXT_SECRET).unwrap();
    let cases: [(Bench, &str, usize); 6] = [
        (Bench::new(), "standard", 1 << 20),
        (Bench::with(|builder| builder.source(github())), "github", 25 << 20),
        (Bench::with(|builder| builder.source(github()).max_body(100)), "github", 100),
        (Bench::with(|builder| builder.source(github().max_body(300)).max_body(100)), "github", 300),
        (Bench::with(|builder| builder.source(standard().max_body(300))), "standard", 300),
        (Bench::with(|builder| builder.source(standard()).source(github().max_body(9)).max_body(5)), "standard", 5),
    ];
    for (bench, source, limit) in cases {
        assert!(fits(bench.clone(), source, limit).await, "{source} {limit}");
        assert!(!fits(bench, source, limit + 1).await, "{source} {limit}");
    }
}

#[tokio::test]
async fn a_413_names_the_limit_and_the_setting() {
    let bench = Bench::with(|builder| builder.source(standard().max_body(10)));
    let answer = bench.post(signed("evt", "x".repeat(11))).await;
    let text = answer.extensions().get::<hookwire::receiver::Rejection>().unwrap().to_string();
    for part in ["body is too large", "10 bytes", "Source::max_body", "max_body_bytes"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(answer.body().is_empty(), "the response has no detail");
}

#[test]
fn the_limit_of_a_source_can_be_set_in_its_configuration() {
    let source = |text: &str| toml::from_str::<hookwire::receiver::SourceConfig>(text).unwrap().source();
    assert!(source("provider = 'github'\nsecret = 'a long secret'\nmax_body_bytes = 100").is_ok());
    let error = source("provider = 'github'\nsecret = 'a long secret'\nmax_body_bytes = 0").unwrap_err();
    assert_eq!(error.to_string(), "max_body_bytes: must be more than zero");
    let zero =
        hookwire::receiver::Receiver::builder(hookwire::store::MemoryDedup::new()).source(standard().max_body(0));
    assert!(zero.build().is_err());
}
