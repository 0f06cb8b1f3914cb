//! Random sequences of calls to the store and to a [`MemoryStore`], which must return the same results.
//!
//! A seed determines the sequence. `HOOKWIRE_CONFORMANCE_STEPS` sets the number of calls (default 300), and `HOOKWIRE_CONFORMANCE_SEED` the
//! first seed. A failure prints seed and step.

use super::given::{DAY, MICRO, MINUTE, NOW, append, attempt, event_id, ok, queue, tenant};
use super::subject::Subject;
use crate::clock::Timestamp;
use crate::delivery::{Leased, Settlement};
use crate::endpoint::{DisableReason, Endpoint, EndpointState};
use crate::event::{NewEvent, Origin};
use crate::id::{DeliveryId, LaneId, Work};
use crate::outcome::Outcome;
use crate::retry::{Decision, FailReason};
use crate::store::{AddDelivery, Append, MemoryStore, RetentionCutoff, Store};
use crate::testing::random::Random;

use super::picture::{self, Due};

const TENANTS: [&str; 3] = ["acme", "Acme", "umbrella"];
const KEYS: [&str; 3] = ["cart-1", "Cart-1", "cart-2"];

/// Makes a call to both stores and asserts that it returns the same.
macro_rules! same {
    ($run:ident, $what:expr, |$store:ident| $call:expr) => {{
        let expected = {
            let $store = $run.model();
            $call
        };
        let found = {
            let $store: &dyn Store = $run.store;
            $call
        };
        assert_eq!(found, expected, "{}, {:?} (found, expected)", $run.place(), $what);
        found
    }};
}

/// A long enough sequence finds any visible difference between a store and the memory store.
pub(super) async fn random_calls_return_what_the_memory_store_returns<S: Store + ?Sized>(subject: &Subject<S>) {
    let setting = |name: &str, without: u64| {
        std::env::var(name).ok().map_or(without, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
    };
    let (steps, seed) = (setting("HOOKWIRE_CONFORMANCE_STEPS", 300), setting("HOOKWIRE_CONFORMANCE_SEED", 1));
    let mut run = Run::new(&subject.store, seed);
    for step in 0..steps {
        run.step = step;
        run.call().await;
        if step % 10 == 9 {
            run.compare().await;
        }
    }
    run.compare().await;
}

struct Run<'a> {
    model: MemoryStore,
    store: &'a dyn Store,
    random: Random,
    seed: u64,
    step: u64,
    now: Timestamp,
    lanes: Vec<LaneId>,
    endpoints: Vec<Endpoint>,
    /// All leases that both stores have returned; their fences may differ.
    leased: Vec<(Leased, Leased)>,
    deliveries: Vec<DeliveryId>,
    events: u64,
}

impl<'a> Run<'a> {
    fn new<S: Store + ?Sized>(store: &'a std::sync::Arc<S>, seed: u64) -> Self {
        let endpoints: Vec<_> = (0..4).map(|n| super::given::endpoint(TENANTS[n % 2])).collect();
        let lanes = endpoints.iter().map(|endpoint| endpoint.id.into()).chain([queue("a"), queue("A")]).collect();
        let (model, random) = (MemoryStore::new(), Random::new(seed));
        let (leased, deliveries) = (Vec::new(), Vec::new());
        Self { model, store, random, seed, step: 0, now: NOW, lanes, endpoints, leased, deliveries, events: 0 }
    }

    fn model(&self) -> &dyn Store {
        &self.model
    }

    fn place(&self) -> String {
        format!("seed {}, step {}", self.seed, self.step)
    }

    /// Advances the time, so that no two changes happen at once and every order is defined.
    fn tick(&mut self) -> Timestamp {
        self.now = self.now + MICRO * 1_000 + MICRO * u32::try_from(self.random.below(20_000_000)).unwrap_or(0);
        self.now
    }

    fn due(&self, at: Timestamp) -> Due {
        Due::of(at, self.now)
    }

    async fn call(&mut self) {
        match self.random.below(100) {
            0..24 => self.append().await,
            24..50 => self.claim().await,
            50..72 => self.settle().await,
            72..77 => self.extend_or_release().await,
            77..85 => self.change_endpoint().await,
            85..94 => self.control().await,
            94..97 => self.add().await,
            97..99 => self.drop_payloads().await,
            _ => self.prune().await,
        }
    }

    fn some_delivery(&mut self) -> DeliveryId {
        if self.deliveries.is_empty() {
            return DeliveryId::generate(NOW);
        }
        let last = self.deliveries.len() - 1;
        // Usually one of the newest deliveries.
        let back = if self.random.below(3) == 0 { self.random.index(last + 1) } else { self.random.index(8).min(last) };
        self.deliveries[last - back]
    }

    fn new_append(&mut self) -> Append {
        let now = self.tick();
        let random = &mut self.random;
        let is_received = random.below(4) == 0;
        let tenant = TENANTS[random.index(TENANTS.len())];
        let id = if random.below(3) == 0 { random.below(8) } else { 100 + self.events };
        self.events += 1;
        let data = ["a", "b"][random.index(2)];
        let key = KEYS[random.index(KEYS.len())];
        let event = NewEvent::raw("invoice.paid", "text/plain", data);
        let event = event.and_then(|event| match random.below(5) {
            0 | 1 => event.ordered_by(key),
            2 => event.latest_by(key),
            _ => Ok(event),
        });
        let mut event = super::given::new_event(event).tenant(tenant).id(event_id(&format!("order-{id}")));
        if is_received {
            event = event.received(Origin::new("shop"));
        }
        let lanes = if is_received { &self.lanes[4..] } else { &self.lanes[..4] };
        let wanted: Vec<_> = lanes.iter().copied().filter(|_| random.below(2) == 0).collect();
        let mut append = append(event.seal(now), &wanted, now);
        for delivery in &mut append.deliveries {
            delivery.leased_until = (random.below(6) == 0).then_some(now + MINUTE);
        }
        append
    }

    async fn append(&mut self) {
        let batch: Vec<_> = (0..=self.random.below(3)).map(|_| self.new_append()).collect();
        self.deliveries.extend(batch.iter().flat_map(|one| one.deliveries.iter().map(|delivery| delivery.id)));
        same!(self, ("append", &batch), |store| ok(store.append(batch.clone()).await));
    }

    async fn claim(&mut self) {
        let now = self.tick();
        let lanes: Vec<_> =
            self.lanes.iter().copied().filter(|_| self.random.below(3) > 0).map(|lane| (lane, 99)).collect();
        let claim = super::given::claim(&lanes, now);
        let mut expected = ok(self.model().claim(claim.clone()).await);
        let mut found = ok(self.store.claim(claim).await);
        for claimed in [&mut expected, &mut found] {
            claimed.leased.sort_by_key(|leased| leased.lease.delivery);
            claimed.next.sort_by_key(|(lane, _)| *lane);
        }
        let shown = |leased: &Leased| {
            let event = (leased.event.id.clone(), leased.event.tenant.clone(), leased.event.payload.clone());
            (leased.lease.delivery, leased.lane, leased.attempt, leased.faults, leased.until, leased.created_at, event)
        };
        let of = |leased: &[Leased]| leased.iter().map(shown).collect::<Vec<_>>();
        assert_eq!(of(&found.leased), of(&expected.leased), "{}, claim at {now}", self.place());
        let next = |claimed: &crate::store::Claimed| -> Vec<_> {
            claimed.next.iter().map(|(lane, due)| (*lane, self.due(*due))).collect()
        };
        assert_eq!(next(&found), next(&expected), "{}, next of a claim", self.place());
        self.leased.extend(expected.leased.into_iter().zip(found.leased));
    }

    fn some_leases(&mut self) -> Vec<(Leased, Leased)> {
        let mut some = Vec::new();
        for _ in 0..=self.random.below(3) {
            if !self.leased.is_empty() {
                let place = self.random.index(self.leased.len());
                // Some leases are used twice.
                some.push(if self.random.below(6) == 0 {
                    self.leased[place].clone()
                } else {
                    self.leased.swap_remove(place)
                });
            }
        }
        some
    }

    fn some_decision(&mut self) -> (Decision, Outcome) {
        let at = self.now + MICRO * u32::try_from(self.random.below(90_000_000)).unwrap_or(0);
        let reasons = [FailReason::Exhausted, FailReason::Gone, FailReason::Blocked, FailReason::Permanent];
        let reason = reasons[self.random.index(reasons.len())];
        let failed = Outcome::Status(500);
        match self.random.below(12) {
            0..5 => (Decision::Delivered, Outcome::Status(200)),
            5..8 => (Decision::retry(at), failed),
            8 => (Decision::RetryUncounted { at }, Outcome::Local),
            9 => (Decision::Hold { reason }, failed),
            10 => (Decision::Fail { reason }, failed),
            _ => (Decision::Disable { reason }, failed),
        }
    }

    async fn settle(&mut self) {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for (model, store) in self.some_leases() {
            let at = self.tick();
            let (decision, outcome) = self.some_decision();
            let pause = (self.random.below(5) == 0).then_some(at + MINUTE);
            let settlement = |leased: &Leased| {
                Settlement::of(leased, decision, at)
                    .with_attempt(attempt(leased.attempt, outcome))
                    .with_paused_until(pause)
            };
            expected.push(settlement(&model));
            found.push(settlement(&store));
        }
        let batch = found.clone();
        let (expected, found) = (self.model().settle(expected).await, self.store.settle(found).await);
        assert_eq!(ok(found), ok(expected), "{}, settle {batch:?}", self.place());
    }

    async fn extend_or_release(&mut self) {
        let now = self.tick();
        let some = self.some_leases();
        let (model, store): (Vec<_>, Vec<_>) = some.iter().map(|(model, store)| (model.lease, store.lease)).unzip();
        let (expected, found) = if self.random.below(2) == 0 {
            self.leased.extend(some);
            (self.model().extend(model, now + MINUTE).await, self.store.extend(store, now + MINUTE).await)
        } else {
            (self.model().release(model, now).await, self.store.release(store, now).await)
        };
        assert_eq!(ok(found), ok(expected), "{}, extend or release", self.place());
    }

    async fn change_endpoint(&mut self) {
        let now = self.tick();
        let place = self.random.index(self.endpoints.len());
        if self.random.below(12) == 0 {
            let version = (self.random.below(2) == 0).then_some(self.endpoints[place].version);
            let id = self.endpoints[place].id;
            same!(self, ("remove", id), |store| ok(store.remove(id, version, now).await));
            return;
        }
        let mut changed = self.endpoints[place].clone();
        changed.traced = self.random.below(2) == 0;
        changed.state = match self.random.below(3) {
            0 => EndpointState::Disabled { reason: DisableReason::Requested, at: now },
            _ => EndpointState::Enabled,
        };
        let stored = match self.model_endpoint(&changed).await {
            Some(version) => version + u64::from(self.random.below(5) > 0),
            None => 1,
        };
        changed.version = stored;
        let limit = 1 + u32::try_from(self.random.below(3)).unwrap_or(0);
        if stored == 1 && self.random.below(2) == 0 {
            same!(self, ("create", changed.id), |store| ok(store.create(changed.clone(), limit).await));
        } else {
            same!(self, ("put", changed.id, changed.version), |store| ok(store.put(changed.clone()).await));
        }
        self.endpoints[place] = changed;
    }

    async fn model_endpoint(&self, endpoint: &Endpoint) -> Option<u64> {
        let store = self.model();
        ok(store.get(endpoint.id).await).map(|kept| kept.version)
    }

    async fn control(&mut self) {
        let work = if self.random.below(4) == 0 { Work::Received } else { Work::Sent };
        let (first, second) = (self.some_delivery(), self.some_delivery());
        match self.random.below(8) {
            0..4 => {
                let batch = vec![(first, self.tick()), (second, self.tick())];
                same!(self, ("resend", &batch), |store| ok(store.resend(work, batch.clone()).await));
            }
            4..7 => {
                let (batch, now) = (vec![first, second], self.tick());
                same!(self, ("cancel", &batch), |store| ok(store.cancel(work, batch.clone(), now).await));
            }
            _ => {
                let (of, now) = (tenant(TENANTS[self.random.index(3)]), self.tick());
                let id = event_id(&format!("order-{}", self.random.below(8)));
                same!(self, ("expunge", &id), |store| ok(store.expunge(work, &of, &id, now).await));
            }
        }
    }

    async fn add(&mut self) {
        let now = self.tick();
        let (of, lane) = (tenant(TENANTS[self.random.index(3)]), self.lanes[self.random.index(self.lanes.len())]);
        let event =
            if self.random.below(2) == 0 { self.random.below(8) } else { 100 + self.random.below(self.events + 1) };
        let (event, delivery) = (event_id(&format!("order-{event}")), DeliveryId::generate(now));
        let added = AddDelivery { tenant: of, event, delivery, lane, due: now, now };
        self.deliveries.push(delivery);
        same!(self, ("add", &added), |store| ok(store.add_deliveries(vec![added.clone()]).await));
    }

    async fn drop_payloads(&mut self) {
        let work = if self.random.below(2) == 0 { Work::Received } else { Work::Sent };
        let (start, before) = ((Timestamp::EPOCH, DeliveryId::from_bytes([0; 16])), self.now - MINUTE);
        same!(self, "drop_payloads", |store| ok(store.drop_payloads(work, start, before, 3).await));
    }

    /// The time is so far in the future that a store that keeps work for a day longer prunes the same rows.
    async fn prune(&mut self) {
        let work = if self.random.below(2) == 0 { Work::Received } else { Work::Sent };
        let later = self.now + DAY * 3;
        let keys = if self.random.below(2) == 0 { later } else { Timestamp::EPOCH };
        let cutoff = RetentionCutoff { work: later, keys };
        let model = self.model();
        for store in [model, self.store] {
            for round in 0.. {
                super::subject::assert_ends(round);
                if ok(store.prune(work, cutoff, 99).await) < 99 {
                    break;
                }
            }
        }
    }

    /// Compares all that the two stores hold.
    async fn compare(&self) {
        let model = self.model();
        let expected = picture::of(model, &TENANTS, &self.lanes, self.now).await;
        let found = picture::of(self.store, &TENANTS, &self.lanes, self.now).await;
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{} (found, expected)", self.place());
        }
        assert_eq!(found.len(), expected.len(), "{}", self.place());
    }
}
