//! Partitions, notifications and the clock.

use std::sync::Arc;
use std::time::Duration;

use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::delivery::{NewDelivery, Settlement};
use hookwire::endpoint::{Endpoint, NewEndpoint};
use hookwire::event::{NewEvent, Origin};
use hookwire::id::{DeliveryId, EndpointId, EventId, LaneId, QueueName, Tenant, Work};
use hookwire::retry::Decision;
use hookwire::secret::{Key, Keyring};
use hookwire::store::{
    AddDelivery, Append, Appended, ChangeListener, Claim, Control, DeliveryQuery, Directory, History, Outbox, Page,
    PostgresStore, PutResult, Retention, RetentionCutoff, Staging,
};
use libtest_mimic::Trial;

use crate::Needs;
use crate::postgres::connect;
use crate::schema::{Schema, append_at as append};

const DAY: Duration = Duration::from_secs(86_400);

pub fn trials(postgres: &Needs) -> Vec<Trial> {
    vec![
        postgres.test("upkeep::a_day_is_dropped_when_everything_in_it_is_old", days_are_dropped),
        postgres.test("upkeep::a_day_of_both_kinds_of_work_is_dropped_when_both_are_old", mixed_days),
        postgres.test("upkeep::a_day_without_a_partition_is_stored_and_pruned_like_others", day_without_partition),
        postgres.test("upkeep::another_process_is_woken", woken),
        postgres.test("upkeep::what_makes_work_due_wakes_another_process", woken_by_each),
        postgres.test("upkeep::another_process_hears_of_a_row_before_it_is_committed", woken_by_row),
        postgres.test("upkeep::a_flood_of_notifications_does_not_flood_the_workers", flooded),
        postgres.test("upkeep::a_quiet_tenants_deliveries_are_found_behind_many_of_others", quiet_tenant),
        postgres.test("upkeep::a_worker_without_notifications_still_finds_the_work", found_by_looking),
        postgres.test("upkeep::due_times_follow_the_clock_of_the_server", clock),
        postgres.test("upkeep::a_callers_clock_that_is_ahead_delays_no_delivery", ahead),
    ]
}

async fn deliver(store: &PostgresStore, lane: impl Into<LaneId>, now: Timestamp) {
    let lanes = vec![(lane.into(), 10)];
    let leased = store.claim(Claim { lanes, now, until: now + DAY }).await.unwrap().leased;
    assert!(!leased.is_empty());
    let settlements = leased.iter().map(|one| Settlement::of(one, Decision::Delivered, now)).collect();
    store.settle(settlements).await.unwrap();
}

/// The days for which a table has a partition.
async fn days(url: &str, schema: &str, table: &str) -> Vec<String> {
    let client = connect(url).await;
    let sql = "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
               JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace n ON n.oid = p.relnamespace \
               WHERE n.nspname = $1 AND p.relname = $2 ORDER BY 1";
    client.query(sql, &[&schema, &table]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// More deliveries of another tenant than a query reads before it reads only the tenant's own events.
async fn quiet_tenant(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let (now, lane) = (SystemClock.now(), EndpointId::generate(SystemClock.now()));
    let of = |tenant: &str, at| {
        let event = NewEvent::json("a.b", &1).unwrap().tenant(tenant).seal(at);
        let delivery = NewDelivery::new(lane, at);
        Append { event: Arc::new(event), deliveries: vec![delivery], now: at }
    };
    let quiet = [of("quiet", now), of("quiet", now + DAY)];
    let ids = [quiet[0].deliveries[0].id, quiet[1].deliveries[0].id];
    store.append(quiet.into()).await.unwrap();
    let between = now + DAY / 2;
    for _ in 0..11 {
        store.append((0..1_000).map(|_| of("busy", between)).collect()).await.unwrap();
    }
    let mut query = DeliveryQuery::default();
    query.tenant = Some("quiet".into());
    let found = async |page| -> Vec<_> {
        store.deliveries(&query, page).await.unwrap().items.iter().map(|delivery| delivery.id).collect()
    };
    assert_eq!(found(Page::of(9)).await, ids);
    assert_eq!(found(Page::of(9).newest_first()).await, [ids[1], ids[0]]);
    assert_eq!(found(Page::of(9).after(ids[1]).newest_first()).await, [ids[0]]);
    assert_eq!(found(Page::of(1).after(ids[0])).await, [ids[1]]);
}

/// Partitions exist for today, tomorrow and two more days. The caller gives the time.
async fn days_are_dropped(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    assert_eq!(days(&url, &schema.name, "event").await.len(), 5, "four days and the default partition");
    let today = SystemClock.now();
    let lane = EndpointId::generate(today);
    store.append(vec![append(lane, "done", today)]).await.unwrap();
    deliver(&store, lane, today).await;
    store.append(vec![append(lane, "owed", today + DAY)]).await.unwrap();

    store.prune(Work::Sent, RetentionCutoff::before(today), 100).await.unwrap();
    assert_eq!(days(&url, &schema.name, "event").await.len(), 5, "today's partition is kept");
    let (acme, done, owed) = (Tenant::from("acme"), EventId::new("done").unwrap(), EventId::new("owed").unwrap());
    assert!(store.event(Work::Sent, &acme, &done).await.unwrap().is_some());

    let later = RetentionCutoff { work: today + DAY * 10, keys: today - DAY };
    store.prune(Work::Sent, later, 100).await.unwrap();
    assert!(store.event(Work::Sent, &acme, &done).await.unwrap().is_none(), "its day is dropped");
    assert!(
        store.event(Work::Sent, &acme, &owed).await.unwrap().is_some(),
        "its day is old too, but not everything is finished"
    );
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().pending, 1);
    let left = days(&url, &schema.name, "event").await;
    assert_eq!(left.len(), 2, "the day with the pending delivery and the default partition: {left:?}");
    let again = store.append(vec![append(lane, "done", today)]).await.unwrap();
    assert_eq!(again, [Appended::Duplicate], "its id is kept longer");

    store.prune(Work::Sent, RetentionCutoff { keys: today + DAY * 10, ..later }, 100).await.unwrap();
    let again = store.append(vec![append(lane, "done", today)]).await.unwrap();
    assert_eq!(again, [Appended::Stored], "the id is free again");
}

/// From a day with work of both kinds, each kind deletes its rows; the second one drops the partition.
async fn mixed_days(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let today = SystemClock.now();
    let (lane, queue) = (EndpointId::generate(today), QueueName::new("all").unwrap());
    for n in 0..5 {
        store.append(vec![append(lane, &format!("sent-{n}"), today)]).await.unwrap();
        deliver(&store, lane, today).await;
        let event = NewEvent::raw("a.b", "application/octet-stream", "x").unwrap().tenant("acme");
        let event = event.id(EventId::new(format!("kept-{n}")).unwrap()).received(Origin::new("shop"));
        let delivery = NewDelivery::new(queue, today);
        let append = Append { event: Arc::new(event.seal(today)), deliveries: vec![delivery], now: today };
        store.append(vec![append]).await.unwrap();
        deliver(&store, queue, today).await;
    }
    let later = RetentionCutoff::before(today + DAY * 10);
    let date: String = today.to_string().chars().take(10).filter(char::is_ascii_digit).collect();
    let has_day = async |table: &str| days(&url, &schema.name, table).await.contains(&format!("{table}_{date}"));
    let mut most = 0;
    loop {
        let gone = store.prune(Work::Sent, later, 2).await.unwrap();
        most = most.max(gone);
        if gone == 0 {
            break;
        }
    }
    assert_eq!(most, 2, "at most two rows in each call");
    assert_eq!(store.counts(Work::Sent, None).await.unwrap().delivered, 0);
    assert_eq!(store.counts(Work::Received, None).await.unwrap().delivered, 5);
    let (acme, kept, sent) = (Tenant::from("acme"), EventId::new("kept-0").unwrap(), EventId::new("sent-0").unwrap());
    assert!(store.event(Work::Sent, &acme, &sent).await.unwrap().is_none());
    assert!(store.event(Work::Received, &acme, &kept).await.unwrap().is_some());
    assert!(has_day("finished").await && has_day("event").await);

    store.prune(Work::Received, later, 2).await.unwrap();
    assert_eq!(store.counts(Work::Received, None).await.unwrap().delivered, 0);
    assert!(!has_day("finished").await && !has_day("event").await, "the partitions are dropped as a whole");
}

/// No process created the partition in time: the rows are in the default partition, and stores can still be opened and pruned.
async fn day_without_partition(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let client = connect(&url).await;
    for table in ["event", "finished"] {
        for day in days(&url, &schema.name, table).await.iter().filter(|day| !day.ends_with("rest")) {
            client.batch_execute(&format!("DROP TABLE {}.{day}", schema.name)).await.unwrap();
        }
    }
    let now = SystemClock.now();
    let lane = EndpointId::generate(now);
    store.append(vec![append(lane, "one", now)]).await.unwrap();
    let later = schema.open().await;
    deliver(&later, lane, SystemClock.now()).await;
    assert_eq!(later.counts(Work::Sent, None).await.unwrap().delivered, 1);
    for _ in 0..2 {
        later.prune(Work::Sent, RetentionCutoff::before(now + DAY), 10).await.unwrap();
    }
    assert_eq!(later.counts(Work::Sent, None).await.unwrap().delivered, 0);
    assert!(later.event(Work::Sent, &Tenant::from("acme"), &EventId::new("one").unwrap()).await.unwrap().is_none());
}

async fn woken(url: String) {
    let schema = Schema::fresh(&url);
    let (here, there) = (schema.open().await, schema.open().await);
    let mut wakes = there.changes();
    let now = SystemClock.now();
    // The first notification reports that the process listens.
    tokio::time::timeout(Duration::from_secs(30), wakes.next()).await.unwrap();
    here.append(vec![append(EndpointId::generate(now), "one", now)]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), wakes.next()).await.unwrap();
    drop((here, there));
}

async fn heard(listener: &mut ChangeListener, what: &str) {
    let heard = tokio::time::timeout(Duration::from_secs(30), listener.next()).await;
    heard.unwrap_or_else(|_| panic!("{what} was not reported"));
}

/// Workers poll less often while they can be notified, so nothing that makes work due may be silent.
async fn woken_by_each(url: String) {
    let schema = Schema::fresh(&url);
    let (here, there) = (schema.open().await, schema.open().await);
    let mut wakes = there.changes();
    heard(&mut wakes, "the connection").await;
    assert!(wakes.is_connected());
    assert!(!schema.options().behind_a_pooler().open().await.unwrap().changes().is_connected());
    let now = SystemClock.now();
    let new = NewEndpoint::https("https://acme.example/in").unwrap().tenant("acme");
    let mut endpoint = Endpoint::new(new, Keyring::new(Key::generate().unwrap()), now);
    here.put(endpoint.clone()).await.unwrap();
    let one = append(endpoint.id, "one", now);
    let delivery = one.deliveries[0].id;
    here.append(vec![one]).await.unwrap();
    heard(&mut wakes, "append").await;
    let lanes = vec![(endpoint.id.into(), 10)];
    let leased = here.claim(Claim { lanes, now: SystemClock.now(), until: now + DAY }).await.unwrap().leased;
    here.release(vec![leased[0].lease], now).await.unwrap();
    heard(&mut wakes, "release").await;
    assert_eq!(here.cancel(Work::Sent, vec![delivery], now).await.unwrap(), [true]);
    heard(&mut wakes, "cancel").await;
    assert_eq!(here.resend(Work::Sent, vec![(delivery, now)]).await.unwrap(), [true]);
    heard(&mut wakes, "resend").await;
    let added = AddDelivery {
        tenant: "acme".into(),
        event: EventId::new("one").unwrap(),
        delivery: DeliveryId::generate(now),
        lane: EndpointId::generate(now).into(),
        due: now,
        now,
    };
    assert_eq!(here.add_deliveries(vec![added]).await.unwrap(), [true]);
    heard(&mut wakes, "add_deliveries").await;
    endpoint.version += 1;
    assert_eq!(here.put(endpoint).await.unwrap(), PutResult::Stored);
    heard(&mut wakes, "put").await;
}

/// Workers then look for the row often, but they sweep no lanes for it: no lane has work yet.
async fn woken_by_row(url: String) {
    let schema = Schema::fresh(&url);
    let (here, there) = (schema.open().await, schema.open().await);
    let (mut wakes, mut writes) = (there.changes(), there.writes());
    heard(&mut wakes, "the connection").await;
    let mut client = connect(&url).await;
    let transaction = client.transaction().await.unwrap();
    here.dispatch_in(&transaction, &NewEvent::json("a.b", &1).unwrap().tenant("acme")).await.unwrap();
    heard(&mut writes, "the row").await;
    let work = tokio::time::timeout(Duration::from_millis(200), wakes.next()).await;
    assert!(work.is_err(), "a row that is not committed was reported as work");
    transaction.commit().await.unwrap();
}

/// Every login may notify as often as it likes: workers handle notifications at intervals, and miss nothing.
async fn flooded(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let mut wakes = store.changes();
    tokio::time::timeout(Duration::from_secs(30), wakes.next()).await.unwrap();
    let client = connect(&url).await;
    let channel = format!("hookwire_{}", schema.name);
    let began = std::time::Instant::now();
    let flood = tokio::spawn(async move {
        for number in 0..3_000 {
            client.batch_execute(&format!("NOTIFY \"{channel}\", '{number}'")).await.unwrap();
        }
    });
    let mut heard: u128 = 0;
    while !flood.is_finished() {
        if tokio::time::timeout(Duration::from_millis(100), wakes.next()).await.is_ok() {
            heard += 1;
        }
    }
    let most = began.elapsed().as_millis() / 20 + 2;
    assert!((1..=most).contains(&heard), "heard {heard} times, at most {most}");
}

/// Without LISTEN, workers find the work with `lanes`.
async fn found_by_looking(url: String) {
    let schema = Schema::fresh(&url);
    let here = schema.open().await;
    let there = schema.options().behind_a_pooler().open().await.unwrap();
    let now = SystemClock.now();
    let lane = EndpointId::generate(now);
    here.append(vec![append(lane, "one", now)]).await.unwrap();
    let lanes = there.lanes(Work::Sent, None, 10).await.unwrap();
    assert_eq!(lanes.iter().map(|(lane, _)| *lane).collect::<Vec<_>>(), [lane.into()]);
    deliver(&there, lane, SystemClock.now()).await;
}

async fn clock(url: String) {
    let schema = Schema::fresh(&url);
    let clock = schema.open().await.clock();
    // The server is on this machine, so both clocks agree.
    let apart = clock.now().since(SystemClock.now()).max(SystemClock.now().since(clock.now()));
    assert!(apart < Duration::from_secs(1), "{apart:?}");
}

/// The caller's clock is two hours ahead: a delivery that is due at once is due at once, and one that is due in a minute is due in a
/// minute.
async fn ahead(url: String) {
    let schema = Schema::fresh(&url);
    let store = schema.open().await;
    let (right, hour) = (store.clock().now(), Duration::from_secs(3_600));
    let wrong = right + hour * 2;
    let ordered = |id: &str| {
        let event = NewEvent::json("a.b", &1).unwrap().tenant("acme").id(EventId::new(id).unwrap());
        Arc::new(event.ordered_by("key").unwrap().seal(wrong))
    };
    let (free, line, retried) = (EndpointId::generate(right), EndpointId::generate(right), EndpointId::generate(right));
    let first = Append { event: ordered("first"), ..append(line, "first", wrong) };
    let second = Append { event: ordered("second"), ..append(line, "second", wrong) };
    store.append(vec![append(free, "free", wrong)]).await.unwrap();
    store.append(vec![first]).await.unwrap();
    store.append(vec![second]).await.unwrap();
    store.append(vec![append(retried, "retried", wrong)]).await.unwrap();
    let soon = store.clock().now() + Duration::from_secs(1);
    let claim = async |lane: EndpointId, now| {
        let lanes = vec![(lane.into(), 10)];
        store.claim(Claim { lanes, now, until: now + hour }).await.unwrap().leased
    };
    assert_eq!(claim(free, soon).await.len(), 1);
    let head = claim(line, soon).await;
    assert_eq!(head.len(), 1);
    store.settle(vec![Settlement::of(&head[0], Decision::Delivered, wrong)]).await.unwrap();
    assert_eq!(claim(line, soon + hour / 60).await.len(), 1, "the next delivery of its key is due");
    let once = claim(retried, soon).await;
    let again = Decision::retry(wrong + hour / 60);
    store.settle(vec![Settlement::of(&once[0], again, wrong)]).await.unwrap();
    assert_eq!(claim(retried, soon).await.len(), 0);
    assert_eq!(claim(retried, soon + hour / 30).await.len(), 1, "the retry is due in a minute");
}
