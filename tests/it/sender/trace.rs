//! One span for each attempt, without secrets in it.

use std::sync::{Arc, Mutex};

use http::HeaderValue;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;

use super::{event, finished};
use crate::support::log::Log;
use crate::support::server::{Reply, Server};

#[tokio::test]
async fn each_attempt_has_a_span_with_its_outcome_and_without_secrets() {
    let server = Server::start(|_| Reply::status(503)).await;
    // The whole test runs on one thread, whose log is captured.
    let (log, _here) = Log::of_this_thread();
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

    let text = log.text();
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
    assert_eq!(traced.iter().filter(|traced| **traced).count(), 1, "only where it is switched on");
}

/// A recorder that sums up the values of each metric.
#[derive(Clone, Debug, Default)]
pub struct Sums(pub Arc<Mutex<std::collections::BTreeMap<String, u64>>>, Described);

/// The names of the metrics that have a help text.
type Described = Arc<Mutex<std::collections::BTreeSet<String>>>;

#[derive(Debug)]
struct Sum(Sums, String);

impl metrics::CounterFn for Sum {
    fn increment(&self, value: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl metrics::HistogramFn for Sum {
    fn record(&self, _: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += 1;
    }
}

/// Values are summed in whole seconds.
impl metrics::GaugeFn for Sum {
    fn increment(&self, _: f64) {}
    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        let whole = std::time::Duration::from_secs_f64(value).as_secs();
        self.0.0.lock().unwrap().insert(self.1.clone(), whole);
    }
}

impl metrics::Recorder for Sums {
    fn describe_counter(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.describe(&name);
    }

    fn describe_gauge(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.describe(&name);
    }

    fn describe_histogram(&self, name: metrics::KeyName, _: Option<metrics::Unit>, _: metrics::SharedString) {
        self.describe(&name);
    }

    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        metrics::Counter::from_arc(Arc::new(self.sum(key)))
    }

    fn register_gauge(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        metrics::Gauge::from_arc(Arc::new(self.sum(key)))
    }

    fn register_histogram(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Histogram {
        metrics::Histogram::from_arc(Arc::new(self.sum(key)))
    }
}

impl Sums {
    fn describe(&self, name: &metrics::KeyName) {
        self.1.lock().unwrap().insert(name.as_str().to_owned());
    }

    /// Every metric that was recorded has a help text.
    pub fn assert_described(&self) {
        let described = self.1.lock().unwrap();
        for name in self.0.lock().unwrap().keys() {
            let name = name.split(' ').next().unwrap();
            assert!(described.contains(name), "{name} has no help text");
        }
    }

    fn sum(&self, key: &metrics::Key) -> Sum {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Sum(self.clone(), format!("{} {}", key.name(), labels.join(",")).trim().to_owned())
    }
}

#[tokio::test]
async fn the_metrics_of_the_guides_table_are_counted() {
    let server = Server::start(|_| Reply::status(503)).await;
    let sums = Sums::default();
    // The whole test runs on one thread, whose recorder is replaced.
    let _here = metrics::set_default_local_recorder(&sums);
    let sender = super::sender(MemoryStore::new());
    sender.endpoints().create(super::endpoint(&server)).await.unwrap();
    let running = super::Running::start(&sender);
    let id = hookwire::id::EventId::new("once").unwrap();
    for _ in 0..2 {
        sender.dispatch(event(1).id(id.clone())).await.unwrap();
    }
    finished(&sender, 1).await;
    running.stop().await;
    sums.assert_described();
    let sums = sums.0.lock().unwrap();
    let expected = [
        ("hookwire_attempt_duration_seconds outcome=5xx", 4),
        ("hookwire_attempts_total outcome=5xx", 4),
        ("hookwire_deliveries_given_up_total reason=exhausted", 1),
        ("hookwire_dispatch_to_attempt_seconds", 1),
        ("hookwire_duplicates_total where=dispatch", 1),
    ];
    // How many workers are alive depends on who asked last.
    assert!(sums.contains_key("hookwire_workers_alive"), "{sums:?}");
    let counted = sums.iter().filter(|(name, _)| *name != "hookwire_workers_alive");
    let found: Vec<_> = counted.map(|(name, sum)| (name.as_str(), *sum)).collect();
    assert_eq!(found, expected);
}
