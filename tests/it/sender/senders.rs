//! Several stores behind one handle, and tenants that move between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookwire::delivery::Delivery;
use hookwire::endpoint::{DisableReason, EndpointState, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EventId, Tenant, Work};
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::http::HttpOptions;
use hookwire::sender::{DispatchError, EndpointChange, EndpointError, Endpoints, Sender, Senders, SendersError};
use hookwire::store::{
    DeliveryQuery, Directory, History, MemoryStore, Page, Placement, Placements, SqliteStore, StoreErrorKind,
};
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};
use hookwire::testing::{Fault, FaultyStore};
use hookwire::worker::Config;

use super::Running;
use crate::support::server::{Reply, Server};
use crate::support::until;

type Faulty = FaultyStore<MemoryStore>;

const ACME: &str = "acme";

fn sender(store: impl hookwire::store::Store + 'static) -> Sender {
    let schedule: Schedule = [Duration::from_secs(3_600), Duration::from_secs(7_200)].into_iter().collect();
    let http = HttpOptions::default().exchange_timeout(Duration::from_millis(900));
    let builder = Sender::builder(store).for_tests().retry(Policy::new(schedule)).http(http);
    builder.cache_for(Duration::from_millis(20)).build().unwrap()
}

fn event(number: u32) -> NewEvent {
    NewEvent::json("invoice.paid", &number).unwrap().tenant(ACME).id(EventId::new(format!("paid-{number}")).unwrap())
}

/// The deliveries of the tenant that are not final.
async fn owed(store: &dyn History) -> Vec<Delivery> {
    let mut query = DeliveryQuery::of(Work::Sent);
    query.tenant = Some(ACME.into());
    let found = store.deliveries(&query, Page::of(1_000)).await.unwrap();
    found.items.into_iter().filter(|delivery| !delivery.state.is_final()).collect()
}

#[tokio::test]
async fn a_tenant_keeps_its_place_when_a_store_is_added() {
    let table = MemoryStore::new();
    let named = |count: usize| (0..count).map(|n| (format!("shard-{n}"), sender(MemoryStore::new())));
    let tenants: Vec<_> = (0..60).map(|n| Tenant::from(format!("tenant-{n}"))).collect();
    let places = async |senders: &Senders| {
        let mut places = BTreeMap::new();
        for tenant in &tenants {
            senders.of(tenant).await.unwrap();
            let place = table.placement(tenant).await.unwrap().unwrap();
            assert_eq!(place.version, 1);
            places.insert(tenant.clone(), place.shard);
        }
        places
    };
    let two = places(&Senders::new(table.clone(), named(2)).unwrap()).await;
    let used: BTreeSet<_> = two.values().cloned().collect();
    assert_eq!(used.len(), 2, "{two:?}");
    let three = Senders::new(table.clone(), named(3)).unwrap();
    assert_eq!(places(&three).await, two);
    assert_eq!(three.all().map(|(name, _)| name.to_owned()).collect::<Vec<_>>(), ["shard-0", "shard-1", "shard-2"]);
    let one = Senders::new(table.clone(), named(1)).unwrap();
    let elsewhere = two.iter().find(|(_, shard)| ***shard == *"shard-1").unwrap().0;
    assert!(matches!(one.of(elsewhere).await, Err(SendersError::UnknownShard(_))));
}

#[tokio::test]
async fn senders_without_a_name_of_their_own_are_refused() {
    let none: [(&str, Sender); 0] = [];
    assert!(matches!(Senders::new(MemoryStore::new(), none), Err(SendersError::NoShard)));
    let two = ["a", "a"].map(|name| (name, sender(MemoryStore::new())));
    assert!(matches!(Senders::new(MemoryStore::new(), two), Err(SendersError::RepeatedShard(name)) if &*name == "a"));
    let senders = Senders::new(MemoryStore::new(), [("a", sender(MemoryStore::new()))]).unwrap();
    assert!(matches!(senders.move_tenant(&ACME.into(), "b").await, Err(SendersError::UnknownShard(_))));
    let long = NewEvent::json("a.b", &1).unwrap().tenant("x".repeat(1_000));
    assert!(matches!(senders.dispatch(long).await, Err(DispatchError::Tenant(_))), "a malformed name gets no place");
}

/// Two stores and the table, each with its own faults.
struct World {
    table: Faulty,
    stores: [Faulty; 2],
}

impl World {
    async fn new() -> Self {
        let world = Self {
            table: Faulty::new(MemoryStore::new()),
            stores: [Faulty::new(MemoryStore::new()), Faulty::new(MemoryStore::new())],
        };
        assert!(world.table.place(&ACME.into(), &Placement::new("a")).await.unwrap());
        world
    }

    /// A handle of another process.
    fn senders(&self) -> Senders {
        let shards = [("a", &self.stores[0]), ("b", &self.stores[1])];
        let shards = shards.map(|(name, store)| (name, sender(store.clone())));
        Senders::new(self.table.clone(), shards).unwrap().cache_for(Duration::ZERO)
    }

    fn all(&self) -> [&Faulty; 3] {
        [&self.table, &self.stores[0], &self.stores[1]]
    }
}

/// Makes deliveries of every kind: new, retried, held by a disabled endpoint, ordered, and delivered. Returns the ids of those that are owed.
async fn make_deliveries(world: &World, senders: &Senders) -> BTreeSet<DeliveryId> {
    let server = ScriptedEndpoint::start([Behaviour::status(204), Behaviour::status(503)]).await.unwrap();
    let acme = senders.of(&ACME.into()).await.unwrap();
    let target = || NewEndpoint::at(Target::parse(&server.url("/in")).unwrap()).tenant(ACME);
    let open = acme.endpoints().create(target()).await.unwrap();
    // Delivered, then retried in an hour.
    for number in 0..2 {
        senders.dispatch(event(number)).await.unwrap();
        acme.worker().drain(Duration::from_secs(30), None).await.unwrap();
    }
    let closed = acme.endpoints().create(target()).await.unwrap();
    acme.endpoints().update(closed.id, EndpointChange::new().disabled()).await.unwrap();
    senders.dispatch(event(2)).await.unwrap();
    for number in 3..6 {
        senders.dispatch(event(number).ordered_by("key").unwrap()).await.unwrap();
    }
    let owed = owed(&world.stores[0]).await;
    assert_eq!(owed.len(), 1 + 2 * 4, "{owed:#?}");
    let retried = owed.iter().filter(|delivery| delivery.attempts == 1 && delivery.lane == open.id.into());
    assert_eq!(retried.count(), 1);
    owed.into_iter().map(|delivery| delivery.id).collect()
}

#[tokio::test]
async fn a_move_takes_endpoints_and_owed_deliveries_with_it() {
    let world = World::new().await;
    let senders = world.senders();
    let owed_before = make_deliveries(&world, &senders).await;
    let tenant = Tenant::from(ACME);
    let before = world.stores[0].of_tenant(&tenant).await.unwrap();
    let owed_there: BTreeMap<_, _> = owed(&world.stores[0]).await.into_iter().map(|d| (d.id, d)).collect();
    senders.move_tenant(&tenant, "b").await.unwrap();

    assert_eq!(owed(&world.stores[0]).await, []);
    let moved = owed(&world.stores[1]).await;
    assert_eq!(moved.iter().map(|delivery| delivery.id).collect::<BTreeSet<_>>(), owed_before);
    for delivery in &moved {
        let was = &owed_there[&delivery.id];
        assert_eq!(delivery.state, was.state, "{delivery:?}");
        assert_eq!(delivery.attempts, 0, "attempts are counted anew");
        if was.attempts > 0 {
            assert_eq!(delivery.due, was.due, "a retry keeps its time");
        }
    }
    let here: BTreeMap<_, _> =
        world.stores[1].of_tenant(&tenant).await.unwrap().into_iter().map(|e| (e.id, e)).collect();
    for old in &before {
        let new = &here[&old.id];
        let secrets = [old, new].map(|endpoint| Endpoints::secret(endpoint).to_string());
        assert_eq!(
            (&new.state, &new.target, &new.labels, &secrets[0]),
            (&old.state, &old.target, &old.labels, &secrets[1])
        );
    }
    for left in world.stores[0].of_tenant(&tenant).await.unwrap() {
        assert!(matches!(left.state, EndpointState::Disabled { reason: DisableReason::Moved, .. }));
        assert_eq!(left.keys.entries().len(), 0, "its keys are only where the tenant is");
    }

    let receipt = senders.dispatch(event(9)).await.unwrap();
    assert!(!receipt.duplicate && receipt.deliveries.len() == 2);
    assert!(world.stores[1].event(Work::Sent, &tenant, &receipt.event).await.unwrap().is_some());
    for number in [0, 1, 4] {
        assert!(senders.dispatch(event_again(number)).await.unwrap().duplicate, "{number}");
    }
    let other = NewEvent::json("invoice.paid", &99).unwrap().tenant(ACME).id(EventId::new("paid-0").unwrap());
    assert!(matches!(senders.dispatch(other).await, Err(DispatchError::IdConflict(_))));
}

fn event_again(number: u32) -> NewEvent {
    if number > 2 { event(number).ordered_by("key").unwrap() } else { event(number) }
}

#[tokio::test]
async fn a_tenant_can_be_moved_back_and_its_endpoints_are_changed_only_where_it_is() {
    let world = World::new().await;
    let senders = world.senders();
    let owed_before = make_deliveries(&world, &senders).await;
    let tenant = Tenant::from(ACME);
    let a = senders.of(&tenant).await.unwrap();
    senders.move_tenant(&tenant, "b").await.unwrap();
    let b = senders.of(&tenant).await.unwrap();
    let id = world.stores[0].of_tenant(&tenant).await.unwrap()[0].id;
    let rename = || EndpointChange::new().target(Target::parse("http://127.0.0.1:9999/new").unwrap());
    let refused = [
        a.endpoints().update(id, rename()).await.map(drop),
        a.endpoints().renew_key(id, Duration::ZERO).await.map(drop),
        a.endpoints().remove(id).await,
    ];
    assert!(refused.iter().all(|result| matches!(result, Err(EndpointError::Moved))), "{refused:?}");
    b.endpoints().update(id, rename()).await.unwrap();
    let secret = Endpoints::secret(&b.endpoints().renew_key(id, Duration::ZERO).await.unwrap());

    senders.move_tenant(&tenant, "a").await.unwrap();
    let back = a.endpoints().get(id).await.unwrap();
    assert_eq!(
        (&back.target, &Endpoints::secret(&back)),
        (&Target::parse("http://127.0.0.1:9999/new").unwrap(), &secret)
    );
    let found: BTreeSet<_> = owed(&world.stores[0]).await.into_iter().map(|delivery| delivery.id).collect();
    assert_eq!((found, owed(&world.stores[1]).await), (owed_before, Vec::new()));
    assert_eq!(senders.moving(None, 10).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_found_in_every_store_that_had_its_tenant() {
    let shards = ["a", "b", "c"].map(|name| (name, sender(MemoryStore::new())));
    let senders = Senders::new(MemoryStore::new(), shards).unwrap().cache_for(Duration::ZERO);
    let tenant = Tenant::from(ACME);
    for (number, shard) in (0..).zip(["a", "b", "c", "a"]) {
        senders.move_tenant(&tenant, shard).await.unwrap();
        assert_eq!(&*senders.place_of(&tenant).await.unwrap(), shard);
        senders.dispatch(event(number)).await.unwrap();
        for number in 0..=number {
            assert!(senders.dispatch(event(number)).await.unwrap().duplicate, "{number} from {shard}");
        }
    }
}

/// While deliveries are copied, an event waits. It is accepted when they are, and refused when that takes too long.
#[tokio::test(start_paused = true)]
async fn an_event_waits_while_the_place_of_its_tenant_is_frozen() {
    let world = World::new().await;
    let senders = world.senders();
    let mut frozen = Placement::new("a");
    (frozen.is_frozen, frozen.version) = (true, 2);
    assert!(world.table.place(&ACME.into(), &frozen).await.unwrap());
    let refused = senders.dispatch(event(0)).await.unwrap_err();
    assert!(matches!(refused, DispatchError::Shards(SendersError::Moving(_))), "{refused}");
    let waiting = tokio::spawn(async move { senders.dispatch(event(1)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    (frozen.is_frozen, frozen.version) = (false, 3);
    assert!(world.table.place(&ACME.into(), &frozen).await.unwrap());
    assert!(!waiting.await.unwrap().unwrap().duplicate);
}

/// A store that was given up does not stop the tenants that have left it.
#[tokio::test(start_paused = true)]
async fn a_former_store_may_be_missing() {
    let world = World::new().await;
    dispatch_some(&world.senders()).await;
    world.senders().move_tenant(&ACME.into(), "b").await.unwrap();
    let rest = [("b", sender(world.stores[1].clone()))];
    let rest = Senders::new(world.table.clone(), rest).unwrap().cache_for(Duration::ZERO);
    assert_eq!(rest.dispatch(event(50)).await.unwrap().deliveries.len(), 2);
    rest.move_tenant(&ACME.into(), "b").await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_a_store_has_already_gets_its_place_there() {
    let (a, b) = (MemoryStore::new(), MemoryStore::new());
    let shards = || [("a", sender(a.clone())), ("b", sender(b.clone()))];
    let before = sender(b.clone());
    for number in 0..8 {
        let target = Target::parse("http://127.0.0.1:9999/in").unwrap();
        before.endpoints().create(NewEndpoint::at(target).tenant(format!("tenant-{number}"))).await.unwrap();
    }
    let senders = Senders::new(MemoryStore::new(), shards()).unwrap();
    for number in 0..8 {
        let event = NewEvent::json("a.b", &number).unwrap().tenant(format!("tenant-{number}"));
        assert_eq!(senders.dispatch(event).await.unwrap().deliveries.len(), 1, "{number}");
    }
}

/// An endpoint that was removed in the new store does not come back with the tenant.
#[tokio::test(start_paused = true)]
async fn a_removed_endpoint_does_not_come_back_with_its_tenant() {
    let world = World::new().await;
    let senders = world.senders();
    dispatch_some(&senders).await;
    let tenant = Tenant::from(ACME);
    senders.move_tenant(&tenant, "b").await.unwrap();
    let b = senders.of(&tenant).await.unwrap();
    let [removed, kept] = &b.endpoints().list(Some(&tenant), None, 10).await.unwrap()[..] else { panic!() };
    b.endpoints().remove(removed.id).await.unwrap();
    senders.move_tenant(&tenant, "a").await.unwrap();
    let left = world.stores[0].of_tenant(&tenant).await.unwrap();
    assert_eq!(left.iter().map(|endpoint| endpoint.id).collect::<Vec<_>>(), [kept.id]);
    assert!(left[0].is_enabled());
    assert_eq!(senders.dispatch(event(50)).await.unwrap().deliveries.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_sender_lacks_a_policy_refuses_the_tenant_and_nothing_changes() {
    let (a, b) = (MemoryStore::new(), MemoryStore::new());
    let named = Sender::builder(a.clone()).for_tests().retry_named("slow", Policy::default()).build().unwrap();
    let table = MemoryStore::new();
    assert!(table.place(&ACME.into(), &Placement::new("a")).await.unwrap());
    let senders = Senders::new(table.clone(), [("a", named.clone()), ("b", sender(b.clone()))]).unwrap();
    let target = Target::parse("http://127.0.0.1:9999/in").unwrap();
    named.endpoints().create(NewEndpoint::at(target).tenant(ACME).retry("slow")).await.unwrap();
    let refused = senders.move_tenant(&ACME.into(), "b").await.unwrap_err();
    assert!(matches!(refused, SendersError::Endpoint { .. }), "{refused}");
    assert!(refused.to_string().contains("retry: the sender has no policy with this name"), "{refused}");
    assert!(a.of_tenant(&ACME.into()).await.unwrap()[0].is_enabled());
    assert_eq!(senders.dispatch(event(0)).await.unwrap().deliveries.len(), 1, "the tenant is served where it is");
}

/// A move that fails at any of its calls can be repeated by another process, and every delivery is owed in exactly one store afterwards.
#[tokio::test(start_paused = true)]
async fn a_move_that_fails_anywhere_loses_nothing_and_goes_on() {
    let faults = [Fault::Refused(StoreErrorKind::Unavailable), Fault::AnswerLost];
    let tenant = Tenant::from(ACME);
    for (failing, fault) in (0..3).flat_map(|failing| faults.map(|fault| (failing, fault))) {
        let mut reached = 0;
        for calls in 0.. {
            let world = World::new().await;
            let owed_before = dispatch_some(&world.senders()).await;
            let store = world.all()[failing];
            (0..calls).for_each(|_| store.fail_next(Fault::Delayed(Duration::ZERO)));
            store.fail_next(fault);
            let moved = world.senders().move_tenant(&tenant, "b").await;
            if store.faults_left() > 0 {
                moved.unwrap();
                break;
            }
            reached += 1;
            let mut somewhere = owed(world.stores[0].inner()).await;
            somewhere.extend(owed(world.stores[1].inner()).await);
            let somewhere: BTreeSet<_> = somewhere.into_iter().map(|delivery| delivery.id).collect();
            assert_eq!(somewhere, owed_before, "store {failing}, call {calls}, {fault:?}: nothing is lost");
            let is_listed = !world.senders().moving(None, 10).await.unwrap().is_empty();
            let place = world.table.placement(&tenant).await.unwrap().unwrap();
            assert_eq!(is_listed, place.moving_to.is_some());
            assert!(!place.is_frozen, "store {failing}, call {calls}, {fault:?}: events are accepted");
            if place.moving_to.is_some() {
                let other = world.senders().move_tenant(&tenant, "a").await;
                assert!(matches!(other, Err(SendersError::Elsewhere { .. })), "it is moving to b: {other:?}");
            }
            world.senders().move_tenant(&tenant, "b").await.unwrap();
            assert_eq!(owed(&world.stores[0]).await, [], "store {failing}, call {calls}, {fault:?}");
            let found: BTreeSet<_> = owed(&world.stores[1]).await.into_iter().map(|delivery| delivery.id).collect();
            assert_eq!(found, owed_before, "store {failing}, call {calls}, {fault:?}");
            let receipt = world.senders().dispatch(event(50)).await.unwrap();
            assert_eq!(receipt.deliveries.len(), 2, "its endpoints get new events");
        }
        assert!(reached >= 5, "store {failing} failed at {reached} calls only");
    }
}

async fn dispatch_some(senders: &Senders) -> BTreeSet<DeliveryId> {
    let acme = senders.of(&ACME.into()).await.unwrap();
    for path in ["one", "two"] {
        let target = Target::parse(&format!("http://127.0.0.1:9999/{path}")).unwrap();
        acme.endpoints().create(NewEndpoint::at(target).tenant(ACME)).await.unwrap();
    }
    let mut owed = BTreeSet::new();
    for number in 0..3 {
        let event = if number == 1 { event(number).ordered_by("key").unwrap() } else { event(number) };
        owed.extend(senders.dispatch(event).await.unwrap().deliveries);
    }
    owed
}

/// The handle of one process over SQLite files.
fn process(stores: &[SqliteStore]) -> Senders {
    let config = Config { outbox_poll: Duration::from_millis(50), ..Config::default() };
    let shards = ["a", "b"].into_iter().zip(stores).map(|(name, store)| {
        let http = HttpOptions::default().exchange_timeout(Duration::from_millis(900));
        let builder = Sender::builder(store.clone()).for_tests().http(http).worker(config);
        (name, builder.cache_for(Duration::from_millis(50)).build().unwrap())
    });
    Senders::new(stores[0].clone(), shards).unwrap().cache_for(Duration::from_millis(50))
}

/// Two processes dispatch without pause while the tenant moves there and back, and every event arrives once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_are_dispatched_during_moves_arrive_once() {
    let server = Server::start(|_| Reply::status(204)).await;
    let folder = tempfile::tempdir().unwrap();
    let mut stores = Vec::new();
    for name in ["a.db", "b.db"] {
        stores.push(SqliteStore::open(folder.path().join(name)).await.unwrap());
    }
    let processes = [process(&stores), process(&stores)];
    let workers: Vec<_> =
        processes.iter().flat_map(|senders| senders.all().map(|(_, sender)| Running::start(sender))).collect();
    let target = Target::parse(&server.url("/in")).unwrap();
    let tenant = Tenant::from(ACME);
    let first = processes[0].of(&tenant).await.unwrap();
    first.endpoints().create(NewEndpoint::at(target).tenant(ACME)).await.unwrap();

    let over = Arc::new(AtomicBool::new(false));
    let dispatching = processes.clone().into_iter().zip([0_u32, 1_000_000]).map(|(senders, base)| {
        let over = over.clone();
        tokio::spawn(async move {
            let mut accepted = BTreeSet::new();
            for number in base.. {
                if over.load(Ordering::Acquire) {
                    return accepted;
                }
                let receipt = senders.dispatch(event(number)).await.unwrap();
                assert!(!receipt.duplicate, "{number}");
                accepted.insert(receipt.event.to_string());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            accepted
        })
    });
    let dispatching: Vec<_> = dispatching.collect();
    for to in ["b", "a", "b"] {
        processes[1].move_tenant(&tenant, to).await.unwrap();
    }
    over.store(true, Ordering::Release);
    let mut accepted = BTreeSet::new();
    for task in dispatching {
        accepted.extend(task.await.unwrap());
    }
    assert!(accepted.len() > 100, "{}", accepted.len());
    let ids = || {
        server
            .requests()
            .iter()
            .map(|request| request.headers["webhook-id"].to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until(|| std::future::ready(ids().len() >= accepted.len())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut arrived = ids();
    arrived.sort();
    assert_eq!(arrived, accepted.into_iter().collect::<Vec<_>>(), "each once");
    for worker in workers {
        worker.stop().await;
    }
}
