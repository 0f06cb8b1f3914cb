//! One span an attempt, without anything that is secret in it.

use std::sync::{Arc, Mutex};

use http::HeaderValue;
use tracing_subscriber::fmt::MakeWriter;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;

use super::{event, finished};
use crate::support::server::{Reply, Server};

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_attempt_has_a_span_that_says_how_it_ended_and_no_secret() {
    let server = Server::start(|_| Reply::status(503)).await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    // One thread runs all of it.
    let _here = tracing::subscriber::set_default(subscriber);
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let once = hookwire::retry::Policy::new(hookwire::retry::Schedule::from_iter([]));
    let sender = Sender::builder(MemoryStore::new())
        .egress(egress)
        .retry(once)
        .propagate(|headers| drop(headers.insert("traceparent", HeaderValue::from_static("00-0af7-b7ad-01"))))
        .build()
        .unwrap();
    let at = |path: &str| NewEndpoint::at(Target::parse(&server.url(path)).unwrap()).tenant("acme");
    sender.endpoints().create(at("/hush-hush?token=hush-hush").traced()).await.unwrap();
    sender.endpoints().create(at("/other")).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    sender.dispatch(event(1)).await.unwrap();
    finished(&sender, 2).await;
    stop.cancel();
    worker.await.unwrap().unwrap();

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for part in [
        "POST",
        "http.request.method=\"POST\"",
        "server.port=",
        "http.response.status_code=503",
        "error.type=503",
        "/REDACTED",
        "messaging.message.id=\"evt_",
        "otel.status_code=\"ERROR\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hush") && !text.contains("whsec") && !text.contains("v1,"), "{text}");
    let requests = server.requests();
    let traced: Vec<_> = requests.iter().map(|it| it.headers.contains_key("traceparent")).collect();
    assert_eq!(traced.iter().filter(|traced| **traced).count(), 1, "where it is asked for, and nowhere else");
}
