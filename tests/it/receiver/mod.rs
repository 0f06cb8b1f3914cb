//! The receiver: rules, the tower service and the axum extractors.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod bodies;
mod config;
mod crash;
mod dedup;
mod extract;
mod framework;
mod kill;
mod limits;
mod replay;
mod route;
mod secrecy;
mod secrets;
mod service;
mod setup;
mod url;
mod verify;
mod wire;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::provider::{STANDARD, Scheme};
use hookwire::receiver::{Gate, Receiver, ReceiverBuilder, Rejection, RejectionKind, Source};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::Signing;
use hookwire::store::{
    BeginResult, Dedup, DedupEntry, DedupGroup, DedupLease, FirstResponse, MemoryDedup, Settled, StoreError,
    StoreErrorKind,
};
use hookwire::testing::ManualClock;
use http::{Request, Response, StatusCode};
use http_body_util::Full;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub const TEXT_SECRET: &str = "it-is-a-secret-to-everybody";
pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A store that counts its calls and fails the calls that a test names.
#[derive(Clone, Debug)]
pub struct Faulty {
    pub inner: Arc<dyn Dedup>,
    pub failing: Arc<Mutex<HashSet<&'static str>>>,
    pub calls: Arc<AtomicUsize>,
}

impl Default for Faulty {
    fn default() -> Self {
        Self::around(Arc::new(MemoryDedup::new()))
    }
}

impl Faulty {
    pub fn around(inner: Arc<dyn Dedup>) -> Self {
        Self { inner, failing: Arc::default(), calls: Arc::default() }
    }

    pub fn fail(&self, call: &'static str) {
        self.failing.lock().unwrap().insert(call);
    }

    pub fn heal(&self) {
        self.failing.lock().unwrap().clear();
    }

    fn enter(&self, call: &'static str) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.failing.lock().unwrap().contains(call) {
            return Err(StoreError::with_source(StoreErrorKind::Unavailable, "the disk is on fire"));
        }
        Ok(())
    }
}

#[async_trait]
impl Dedup for Faulty {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        self.enter("begin")?;
        self.inner.begin(entries, now, until).await
    }

    async fn finish(
        &self,
        all: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        self.enter("finish")?;
        self.inner.finish(all, answer, expires).await
    }

    async fn abandon(&self, all: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        self.enter("abandon")?;
        self.inner.abandon(all).await
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        self.enter("forget")?;
        self.inner.forget(groups).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.enter("prune")?;
        self.inner.prune(now, limit).await
    }
}

/// A receiver with its store, clock and handler count.
#[derive(Clone, Debug)]
pub struct Bench {
    pub clock: ManualClock,
    pub store: Faulty,
    pub receiver: Receiver,
    pub runs: Arc<AtomicUsize>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(|builder| builder.source(standard()))
    }

    pub fn with(set_up: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> Self {
        Self::over(Faulty::default(), ManualClock::default(), set_up)
    }

    pub fn over(store: Faulty, clock: ManualClock, set_up: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> Self {
        let receiver = set_up(Receiver::builder(store.clone()).clock(clock.clone())).build().unwrap();
        Self { clock, store, receiver, runs: Arc::default() }
    }

    pub fn gate(&self, source: &str) -> Gate {
        self.receiver.gate(source).unwrap()
    }

    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    /// Posts to the source `standard`; the handler answers 200.
    pub async fn post<B: http_body::Body>(&self, request: Request<B>) -> Response<Bytes> {
        self.post_to("standard", request, StatusCode::OK).await
    }

    pub async fn post_to<B>(&self, source: &str, request: Request<B>, answer: StatusCode) -> Response<Bytes>
    where
        B: http_body::Body,
    {
        let run = |_| async {
            self.runs.fetch_add(1, Ordering::Relaxed);
            answer
        };
        self.gate(source).receive(request, run).await
    }
}

pub fn standard() -> Source {
    Source::standard(SECRET).unwrap()
}

/// A request signed by `secret` under Standard Webhooks.
pub fn signed_by(secret: &str, id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    sign(&STANDARD, &Key::parse(secret).unwrap(), id, body)
}

pub fn signed(id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    signed_by(SECRET, id, body)
}

pub fn from_github(delivery: &str, body: &'static str) -> Request<Full<Bytes>> {
    let mut request = sign(&hookwire::provider::GITHUB, &Key::text(TEXT_SECRET).unwrap(), delivery, body);
    request.headers_mut().insert("x-github-delivery", delivery.parse().unwrap());
    request
}

pub fn sign(scheme: &Scheme, key: &Key, id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let body = body.into();
    let mut request = Request::post("/hooks").body(Full::new(body.clone())).unwrap();
    let signing = Signing { id, timestamp: START, body: &body };
    scheme.sign(&signing, &Keyring::new(key.clone()), request.headers_mut()).unwrap();
    request
}

pub fn reason<B>(response: &Response<B>) -> Option<RejectionKind> {
    response.extensions().get::<Rejection>().map(Rejection::kind)
}

pub fn header<'r, B>(response: &'r Response<B>, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

pub fn full(body: impl Into<Bytes>) -> Full<Bytes> {
    Full::new(body.into())
}
