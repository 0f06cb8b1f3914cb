//! Dispatches events to the server, from several callers at the same time, and waits for their deliveries.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::adapters::{Adapter, Place};
use crate::api::Api;
use crate::ledger::Ledger;
use crate::problem::Problem;

/// A measurement with so many failed requests is given up.
const MAX_FAILURES: usize = 20;

/// Waiting for deliveries ends after this time in any case.
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);

/// A server with its endpoints, and the events to send.
#[derive(Debug)]
pub(crate) struct Load {
    api: Api,
    adapter: Box<dyn Adapter>,
    endpoints: Vec<String>,
    pub(crate) ledger: Arc<Ledger>,
    payload: usize,
    callers: usize,
    failures: AtomicUsize,
    first_failure: Mutex<Option<Problem>>,
}

impl Load {
    pub(crate) fn new(
        api: Api,
        adapter: Box<dyn Adapter>,
        ledger: Arc<Ledger>,
        payload: usize,
        callers: usize,
    ) -> Self {
        let (failures, first_failure) = (AtomicUsize::new(0), Mutex::new(None));
        Self { api, adapter, endpoints: Vec::new(), ledger, payload, callers, failures, first_failure }
    }

    /// Creates the endpoints. They stay on the server after the run.
    pub(crate) async fn open(&mut self, run: &str, count: usize, url: &str) -> Result<(), Problem> {
        let remedy = "start the server, or correct PEERS_API and PEERS_TOKEN";
        let not_ready = |problem| Problem::new(format!("the server is not ready: {problem}; {remedy}"));
        self.api.send(self.adapter.ready()).await.map_err(not_ready)?;
        for number in 0..count {
            let place = Place { name: format!("bench-{run}-{number}"), url };
            self.endpoints.push(self.adapter.open(&self.api, &place).await?);
        }
        Ok(())
    }

    pub(crate) async fn is_ready(&self) -> bool {
        self.api.send(self.adapter.ready()).await.is_ok()
    }

    /// Dispatches an event once. A failed dispatch is not repeated. Returns whether the server acknowledged it.
    pub(crate) async fn dispatch(&self, event: usize) -> bool {
        let endpoint = &self.endpoints[event % self.endpoints.len()];
        let call = self.adapter.dispatch(endpoint, self.ledger.data(event, self.payload));
        self.ledger.started(event);
        match self.api.send(call).await {
            Ok(_) => {
                self.ledger.acknowledged(event);
                true
            }
            Err(problem) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.first_failure.lock().await.get_or_insert(problem);
                false
            }
        }
    }

    /// Dispatches the events as fast as the server answers the callers.
    pub(crate) async fn saturate(self: &Arc<Self>, events: Range<usize>) -> Result<(), Problem> {
        let next = Arc::new(AtomicUsize::new(events.start));
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            let (load, next, end) = (self.clone(), next.clone(), events.end);
            callers.spawn(async move {
                while load.failures.load(Ordering::Relaxed) < MAX_FAILURES {
                    let event = next.fetch_add(1, Ordering::Relaxed);
                    if event >= end {
                        break;
                    }
                    load.dispatch(event).await;
                }
            });
        }
        self.end(callers).await
    }

    /// Dispatches the events at a steady pace. An event whose turn has come waits only while all callers are busy.
    pub(crate) async fn pace(self: &Arc<Self>, events: Range<usize>, per_second: u32) -> Result<(), Problem> {
        let mut turns = tokio::time::interval(Duration::from_secs(1) / per_second);
        let permits = Arc::new(Semaphore::new(self.callers));
        let mut dispatches = JoinSet::new();
        for event in events {
            if self.failures.load(Ordering::Relaxed) >= MAX_FAILURES {
                break;
            }
            turns.tick().await;
            let Ok(permit) = permits.clone().acquire_owned().await else { break };
            let load = self.clone();
            dispatches.spawn(async move {
                load.dispatch(event).await;
                drop(permit);
            });
        }
        self.end(dispatches).await
    }

    async fn end(&self, mut tasks: JoinSet<()>) -> Result<(), Problem> {
        while let Some(done) = tasks.join_next().await {
            done.map_err(|error| Problem::new(format!("a caller ended early: {error}")))?;
        }
        match self.first_failure.lock().await.take() {
            Some(first) => {
                let failures = self.failures.load(Ordering::Relaxed);
                Err(Problem::new(format!("{failures} requests failed, so there is no measurement. The first: {first}")))
            }
            None => Ok(()),
        }
    }

    /// Waits until every acknowledged event has arrived, or nothing has arrived for `quiet`.
    pub(crate) async fn wait_for_all(&self, events: Range<usize>, quiet: Duration) {
        self.wait(quiet, || self.ledger.count(events.clone()).missing == 0).await;
    }

    /// Waits until nothing has arrived for `quiet`.
    pub(crate) async fn wait_for_quiet(&self, quiet: Duration) {
        self.wait(quiet, || false).await;
    }

    async fn wait(&self, quiet: Duration, is_done: impl Fn() -> bool) {
        let start = Instant::now();
        let (mut seen, mut seen_at) = (self.ledger.all_arrivals(), start);
        while start.elapsed() < LONGEST_WAIT && seen_at.elapsed() < quiet && !is_done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let arrivals = self.ledger.all_arrivals();
            if arrivals != seen {
                (seen, seen_at) = (arrivals, Instant::now());
            }
        }
    }

    /// The first request that failed.
    pub(crate) async fn first_failure(&self) -> Option<Problem> {
        self.first_failure.lock().await.take()
    }

    pub(crate) fn version(&self) -> &'static str {
        self.adapter.written_against()
    }
}
