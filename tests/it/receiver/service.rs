//! The tower service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use hookwire::receiver::{RejectionKind, Verified, VerifiedBody};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt as _, Full};
use tower::{Layer as _, Service, ServiceExt, service_fn};

use super::{Bench, full, header, reason, signed};

#[tokio::test]
async fn r_16_the_inner_service_gets_the_verified_event_and_the_same_bytes_as_body() {
    let bench = Bench::new();
    let inner = service_fn(|request: Request<VerifiedBody>| async move {
        let verified = request.extensions().get::<Verified>().unwrap().clone();
        assert_eq!(request.headers()["webhook-id"], "evt");
        assert_eq!(request.body().size_hint().exact(), Some(7));
        let body = request.into_body().collect().await?.to_bytes();
        assert_eq!(body.as_ptr(), verified.body().as_ptr(), "the same memory, not a second read");
        Ok::<_, Infallible>(Response::new(full(body)))
    });
    let service = bench.receiver.gate("standard").unwrap().layer(inner);
    let answer = service.oneshot(signed("evt", r#"{"n":1}"#)).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), r#"{"n":1}"#);
}

#[tokio::test]
async fn rejections_and_duplicates_never_reach_the_inner_service() {
    let bench = Bench::new();
    let counter = bench.runs.clone();
    let inner = service_fn(move |_: Request<VerifiedBody>| {
        let runs = counter.clone();
        async move {
            runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, Infallible>(Response::builder().status(201).body(full("made")).unwrap())
        }
    });
    let service = bench.receiver.gate("standard").unwrap().layer(inner);
    let forged = signed("evt", "{}").map(|_| full("forged"));
    let rejected = service.clone().oneshot(forged).await.unwrap();
    assert!(matches!(reason(&rejected), Some(RejectionKind::Unverified(_))), "the reason is in the extensions");
    assert_eq!(service.clone().oneshot(signed("evt", "{}")).await.unwrap().status(), StatusCode::CREATED);

    let again = service.oneshot(signed("evt", "{}")).await.unwrap();
    assert_eq!((again.status(), header(&again, "webhook-duplicate")), (StatusCode::CREATED, Some("true")));
    assert_eq!(again.into_body().collect().await.unwrap().to_bytes(), "");
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_passed_on_and_makes_the_event_fresh() {
    let bench = Bench::new();
    let failing = service_fn(|_: Request<VerifiedBody>| ready(Err::<Response<Full<Bytes>>, _>("no route")));
    let failing = bench.receiver.gate("standard").unwrap().layer(failing);
    assert_eq!(failing.oneshot(signed("evt", "{}")).await.unwrap_err(), "no route");
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
    assert_eq!(bench.runs(), 1);
}

/// Serves a call only if this same value was polled ready before; a clone must be polled again.
#[derive(Debug, Default)]
struct Particular {
    ready: bool,
}

impl Clone for Particular {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<VerifiedBody>> for Particular {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<VerifiedBody>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without having been ready");
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let bench = Bench::new();
    let mut service = bench.receiver.gate("standard").unwrap().layer(Particular::default());
    for id in ["a", "b"] {
        let ready = ServiceExt::<Request<Full<Bytes>>>::ready(&mut service).await.unwrap();
        let answer = ready.call(signed(id, "{}")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
