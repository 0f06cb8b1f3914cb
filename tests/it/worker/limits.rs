//! Limits, fair shares, pauses and order.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hookwire::clock::{Clock, Timestamp};
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{OnFailure, Rate};
use hookwire::event::{Event, NewEvent};
use hookwire::id::{EventId, LaneId, Tenant, Work};
use hookwire::retry::FailReason;
use hookwire::store::{Append, Appended, History, Outbox};
use hookwire::worker::{CancellationToken, Config, LanePolicy, Worker};

use super::{Act, Bench};

const fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pause_returns_the_claimed_deliveries_and_ends_to_the_second() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane_under(Act::AskForRest(Duration::from_secs(100)), LanePolicy::open(NonZeroU32::MIN));
    let ids = bench.append(lane, 4).await;
    let requested = bench.clock.now();
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.set(lane, Act::Answer(200, Duration::ZERO));
    for id in &ids[1..] {
        let waiting = bench.delivery(*id).await;
        assert_eq!((waiting.attempts, waiting.due <= bench.clock.now()), (0, true), "claimable by others");
    }
    bench.until_finished(&ids).await;
    let next = bench.started()[1].2.since(requested).as_secs_f64();
    assert!((100.0..101.1).contains(&next), "{next}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_stored_pause_and_failures_of_a_lane_apply_after_a_restart() {
    let bench = Bench::new(Config::default());
    let until = bench.clock.now() + Duration::from_secs(50);
    let resting = LanePolicy::open(some(4)).paused_until(Some(until));
    let resting = bench.lane_under(Act::Answer(200, Duration::ZERO), resting);
    let failing = LanePolicy::open(some(4)).failures(3);
    let failing = bench.lane_under(Act::Answer(200, Duration::from_secs(1)), failing);
    let ids = [bench.append(resting, 1).await, bench.append(failing, 9).await].concat();
    let began = bench.clock.now();
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    let seconds = |of: LaneId| -> Vec<_> {
        let mine = bench.started().into_iter().filter(|it| it.0 == of);
        mine.map(|it| it.2.since(began).as_secs()).collect()
    };
    assert_eq!(seconds(resting), [50]);
    assert_eq!(seconds(failing)[..5], [0, 1, 1, 2, 2], "one, then two, then four");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_47_after_an_outage_a_backlog_drains_by_one_then_two_then_four_and_never_over_the_cap() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(503, Duration::from_millis(100)));
    let ids = bench.append(lane, 300).await;
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_450)).await;
    let (before, recovered) = (bench.started().len(), bench.clock.now());
    assert!(before < 30, "{before} attempts at a dead endpoint in a second and a half");
    bench.set(lane, Act::Answer(200, Duration::from_millis(100)));
    bench.until_finished(&ids).await;
    assert!(bench.script.most_in_lane.load(Ordering::SeqCst) <= 4);
    let later: Vec<_> = bench.started()[before..].iter().map(|it| it.2.since(recovered).as_millis() / 100).collect();
    let in_tenth = |tenth: u128| later.iter().filter(|at| **at == tenth).count();
    assert!(in_tenth(0) <= 1 && in_tenth(1) <= 2 && in_tenth(9) <= 4, "{:?}", &later[..12]);
    let delivered = bench.store.counts(Work::Sent, None).await.unwrap().delivered;
    assert!(delivered >= 290, "{delivered}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lane_keeps_to_its_rate() {
    let bench = Bench::new(Config::default());
    let rate = Rate { count: some(2), per: Duration::from_secs(10) };
    let lane = bench.lane_under(Act::Answer(200, Duration::ZERO), LanePolicy::open(some(4)).rate(Some(rate)));
    let ids = bench.append(lane, 8).await;
    let began = bench.clock.now();
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    let at: Vec<_> = bench.started().iter().map(|it| it.2.since(began).as_secs()).collect();
    assert_eq!(at, [0, 0, 5, 10, 15, 20, 25, 30]);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn lanes_that_fail_use_at_most_half_of_the_slots() {
    let bench = Bench::new(Config { in_flight: 8, leases: 512, ..Config::default() });
    let mut hanging = Vec::new();
    for _ in 0..20 {
        let lane = bench.lane(Act::Answer(500, Duration::from_secs(30)));
        bench.append(lane, 1).await;
        hanging.push(lane);
    }
    let (stop, worker) = bench.run();
    // Each lane has failed once and is due again; together they would fill every slot three times.
    tokio::time::sleep(Duration::from_secs(110)).await;
    let lane_policy = LanePolicy::open(some(4)).proven(true);
    let healthy = bench.lane_under(Act::Answer(200, Duration::from_millis(5)), lane_policy);
    let began = bench.clock.now();
    let ids = bench.append(healthy, 40).await;
    bench.until_finished(&ids).await;
    assert!(bench.clock.now().since(began) < Duration::from_secs(5));
    assert!(bench.script.in_flight.lock().unwrap().values().sum::<u32>() >= 4, "the failing lanes still have slots");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn f_48_while_a_third_of_many_endpoints_hangs_the_others_are_not_delayed() {
    let bench = Bench::new(Config::default());
    let mut healthy = Vec::new();
    for n in 0..900 {
        if n % 3 == 0 {
            let lane = bench.lane(Act::Hang);
            bench.append(lane, 9).await;
        } else {
            healthy.push(bench.lane(Act::Answer(200, Duration::from_millis(20))));
        }
    }
    let (stop, worker) = bench.run();
    // The healthy endpoints are proven already: the test is not about endpoints that the worker has not tried yet.
    let lane_policy = LanePolicy::open(some(4)).proven(true);
    for lane in &healthy {
        bench.script.lane_policy.lock().unwrap().insert(*lane, lane_policy.clone());
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let began = bench.clock.now();
    let mut ids = Vec::new();
    for lane in &healthy {
        ids.extend(bench.append(*lane, 1).await);
    }
    bench.until_finished(&ids).await;
    let took = bench.clock.now().since(began);
    assert!(took < Duration::from_secs(3), "{took:?} for deliveries that take a moment each, including a poll");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_of_several_lanes_holds_at_most_two_thirds_of_the_slots() {
    let bench = Bench::new(Config { in_flight: 30, leases: 200, ..Config::default() });
    let lane_policy = || LanePolicy::open(some(30)).proven(true);
    let greedy = bench.lane_under(Act::Hang, lane_policy());
    let modest = bench.lane_under(Act::Answer(200, Duration::from_millis(10)), lane_policy());
    bench.append(greedy, 60).await;
    let ids = bench.append(modest, 20).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert_eq!(bench.script.in_flight.lock().unwrap()[&greedy], 20);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn payloads_history_and_event_ids_have_separate_retention_times() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let (payload_retention, delivery_retention, key_retention) = (Some(hours(1)), Some(hours(10)), hours(20));
    let (poll, outbox_poll) = (hours(1), hours(1));
    let bench = Bench::new(Config {
        payload_retention,
        delivery_retention,
        key_retention,
        poll,
        outbox_poll,
        ..Config::default()
    });
    let lane = bench.lane(Act::Answer(200, Duration::ZERO));
    let event = || NewEvent::json("a.b", &1).unwrap().id(EventId::new("once").unwrap());
    let id = bench.append_event(lane, event()).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&[id]).await;
    let (tenant, key) = (Tenant::default(), EventId::new("once").unwrap());
    let kept = async || {
        let event = bench.store.event(Work::Sent, &tenant, &key).await.unwrap();
        let append = Append { event: Arc::new(event_of()), deliveries: Vec::new(), now: bench.clock.now() };
        (event.map(|event| event.payload.is_empty()), bench.store.append(vec![append]).await.unwrap()[0])
    };
    assert_eq!(kept().await, (Some(false), Appended::Duplicate));
    tokio::time::sleep(hours(2)).await;
    assert_eq!(kept().await, (Some(true), Appended::Duplicate), "the payload is deleted");
    tokio::time::sleep(hours(9)).await;
    assert_eq!(kept().await, (None, Appended::Duplicate), "the event is deleted, except for its id");
    tokio::time::sleep(hours(10)).await;
    assert_eq!(kept().await, (None, Appended::Stored), "the id is free again");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

fn event_of() -> Event {
    NewEvent::json("a.b", &1).unwrap().id(EventId::new("once").unwrap()).seal(Timestamp::EPOCH)
}

#[tokio::test(start_paused = true)]
async fn a_lone_lane_may_use_every_slot_once_it_has_shown_that_it_answers() {
    let bench = Bench::new(Config { in_flight: 4, leases: 64, ..Config::default() });
    let lane = bench.lane(Act::Answer(200, Duration::from_millis(10)));
    let ids = bench.append(lane, 40).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert_eq!(bench.script.most_in_lane.load(Ordering::SeqCst), 4);
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenant_with_many_lanes_does_not_delay_a_tenant_with_a_single_lane() {
    let bench = Bench::new(Config { in_flight: 1, leases: 512, ..Config::default() });
    let lane_policy = |tenant: &str| LanePolicy::open(some(4)).tenant(tenant.into());
    for _ in 0..30 {
        let lane = bench.lane_under(Act::Answer(200, Duration::from_millis(10)), lane_policy("many"));
        bench.append(lane, 5).await;
    }
    let single = bench.lane_under(Act::Answer(200, Duration::from_millis(10)), lane_policy("single"));
    let ids = bench.append(single, 5).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    assert!(bench.started().len() < 60, "{} attempts before those of the single lane", bench.started().len());
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// The wait of each delivery of the lane before its first attempt.
fn waits(bench: &Bench, lane: LaneId, since: Timestamp) -> Vec<Duration> {
    bench.started().into_iter().filter(|it| it.0 == lane).map(|it| it.2.since(since)).collect()
}

/// Endpoints that succeed after 18 s hold their slots as long as failing ones: with turns alone, another tenant would get no slot.
#[tokio::test(start_paused = true)]
async fn slow_successes_of_one_tenant_leave_slots_and_leases_to_the_others() {
    for (slow_lanes, deliveries, proven) in [(300, 3, true), (300, 3, false), (40, 120, true), (1_200, 6, true)] {
        let bench = Bench::new(Config::default());
        let lane_policy = |tenant: &str| LanePolicy::open(some(8)).proven(proven).tenant(tenant.into());
        let quick = bench.lane_under(Act::Answer(200, Duration::from_millis(5)), lane_policy("quick"));
        let warm = bench.append(quick, 1).await;
        let (stop, worker) = bench.run();
        bench.until_finished(&warm).await;
        for _ in 0..slow_lanes {
            let slow = bench.lane_under(Act::Answer(200, Duration::from_secs(18)), lane_policy("slow"));
            bench.append(slow, deliveries).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        // One lane that has delivered before, and a new endpoint of the same tenant.
        let fresh = bench.lane_under(Act::Answer(200, Duration::from_millis(5)), lane_policy("quick"));
        for lane in [quick, fresh] {
            let before = bench.clock.now();
            let ids = bench.append(lane, 50).await;
            bench.until_finished(&ids).await;
            let waited = waits(&bench, lane, before).into_iter().max().unwrap();
            // The deliveries are found by the poll at the latest, and then sent in rounds of eight.
            assert!(waited < Duration::from_secs(3), "{slow_lanes} lanes, proven {proven}: {waited:?}");
        }
        stop.cancel();
        worker.await.unwrap().unwrap();
    }
}

/// Four slow tenants at once.
#[tokio::test(start_paused = true)]
async fn slow_successes_of_several_tenants_leave_slots_to_another() {
    let bench = Bench::new(Config::default());
    let lane_policy = |tenant: &str| LanePolicy::open(some(8)).proven(true).tenant(tenant.to_owned().into());
    for tenant in ["a", "b", "c", "d"] {
        for _ in 0..100 {
            let slow = bench.lane_under(Act::Answer(200, Duration::from_secs(18)), lane_policy(tenant));
            bench.append(slow, 3).await;
        }
    }
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let quick = bench.lane_under(Act::Answer(200, Duration::from_millis(5)), lane_policy("quick"));
    let before = bench.clock.now();
    let ids = bench.append(quick, 50).await;
    bench.until_finished(&ids).await;
    let waited = waits(&bench, quick, before).into_iter().max().unwrap();
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// No delivery is forgotten while tenants wait for their share.
#[tokio::test(start_paused = true)]
async fn deliveries_that_a_tenants_share_holds_back_are_delivered_in_the_end() {
    let bench = Bench::new(Config { in_flight: 8, leases: 40, ..Config::default() });
    let lane_policy = |tenant: &str| LanePolicy::open(some(4)).tenant(tenant.to_owned().into());
    let mut ids = Vec::new();
    for (tenant, lanes) in [("a", 30), ("b", 5), ("c", 1)] {
        for number in 0..lanes {
            let act = if number % 4 == 3 {
                Act::Answer(500, Duration::from_millis(30))
            } else {
                Act::Answer(200, Duration::from_millis(30))
            };
            let lane = bench.lane_under(act, lane_policy(tenant));
            ids.extend(bench.append(lane, 7).await);
        }
    }
    let (stop, worker) = bench.run();
    bench.until_finished(&ids).await;
    let most = bench.script.most.load(Ordering::SeqCst);
    assert!((6..=7).contains(&most), "one slot is left for a new tenant: {most}");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ordering_key_is_delivered_in_order_through_failures() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(500, Duration::from_millis(20)));
    let mut ids = Vec::new();
    for n in 0..6 {
        let event = NewEvent::json("a.b", &n).unwrap().ordered_by("cart-1").unwrap();
        ids.push(bench.append_event(lane, event).await);
    }
    let (stop, worker) = bench.run();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    bench.set(lane, Act::Answer(200, Duration::from_millis(20)));
    bench.until_finished(&ids).await;
    let mut started: Vec<_> = bench.started().iter().map(|it| it.1).collect();
    started.dedup();
    assert_eq!(started, ids);
    assert_eq!(bench.script.most.load(Ordering::SeqCst), 1, "one at a time");
    stop.cancel();
    worker.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_head_is_skipped_or_parks_its_key_as_the_endpoint_configures() {
    for (rule, second) in [(OnFailure::Skip, DeliveryState::Delivered), (OnFailure::Park, DeliveryState::Pending)] {
        let bench = Bench::new(Config::default());
        let lane = bench.lane_under(Act::Answer(500, Duration::ZERO), LanePolicy::open(some(4)).on_failure(rule));
        let event = || NewEvent::json("a.b", &1).unwrap().ordered_by("cart-1").unwrap();
        let ids = [bench.append_event(lane, event()).await, bench.append_event(lane, event()).await];
        let (stop, worker) = bench.run();
        while bench.delivery(ids[0]).await.reason.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bench.set(lane, Act::Answer(200, Duration::ZERO));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let head = bench.delivery(ids[0]).await;
        let expected = if rule == OnFailure::Park { DeliveryState::Held } else { DeliveryState::Failed };
        assert_eq!((head.state, head.reason), (expected, Some(FailReason::Exhausted)));
        assert_eq!(bench.delivery(ids[1]).await.state, second);
        stop.cancel();
        worker.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_past_its_deadline_is_not_sent() {
    let bench = Bench::new(Config::default());
    let lane = bench.lane(Act::Answer(500, Duration::ZERO));
    let deadline = |seconds| bench.clock.now() + Duration::from_secs(seconds);
    let event = |at| NewEvent::json("a.b", &1).unwrap().expires_at(at);
    let late = bench.append_event(lane, event(deadline(0))).await;
    let soon = bench.append_event(lane, event(deadline(2))).await;
    let (stop, worker) = bench.run();
    bench.until_finished(&[late, soon]).await;
    for (id, attempts) in [(late, 0), (soon, 2)] {
        assert_eq!(bench.delivery(id).await.reason, Some(FailReason::Expired));
        assert_eq!(bench.store.attempts(Work::Sent, &[id]).await.unwrap().concat().len(), attempts);
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
}

/// A worker in another process on the same store.
fn another(bench: &Bench) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let stop = CancellationToken::new();
    let store = Arc::new(bench.store.clone());
    let worker = Worker::new(store, bench.script.clone(), bench.clock.clone(), Config::default());
    let run = worker.run(stop.clone());
    (stop, tokio::spawn(async move { run.await.unwrap() }))
}

/// The maximum number of simultaneous attempts in a new lane with this policy.
async fn most_in_flight(bench: &Bench, lane_policy: LanePolicy) -> u32 {
    bench.script.most_in_lane.store(0, Ordering::SeqCst);
    let lane = bench.lane_under(Act::Answer(200, Duration::from_secs(1)), lane_policy);
    let ids = bench.append(lane, 60).await;
    bench.until_finished(&ids).await;
    bench.script.most_in_lane.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn workers_on_one_store_share_the_concurrency_of_a_lane() {
    let bench = Bench::new(Config::default());
    let (stop, ours) = bench.run();
    let (stop_theirs, theirs) = another(&bench);
    let (_, dies) = another(&bench);
    let heard_of_each_other = Duration::from_secs(11);
    tokio::time::sleep(heard_of_each_other).await;
    assert_eq!(most_in_flight(&bench, LanePolicy::open(some(9))).await, 9);
    assert_eq!(
        most_in_flight(&bench, LanePolicy::open(some(8))).await,
        6,
        "two for each worker: never more than eight"
    );
    assert_eq!(most_in_flight(&bench, LanePolicy::open(some(1))).await, 3, "one for each worker");
    stop_theirs.cancel();
    theirs.await.unwrap();
    dies.abort();
    tokio::time::sleep(heard_of_each_other).await;
    assert_eq!(most_in_flight(&bench, LanePolicy::open(some(9))).await, 9, "the remaining worker uses the whole limit");
    stop.cancel();
    ours.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn workers_on_one_store_share_a_lanes_rate() {
    let bench = Bench::new(Config::default());
    let (stop, ours) = bench.run();
    let (stop_theirs, theirs) = another(&bench);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let rate = Rate { count: some(10), per: Duration::from_secs(1) };
    let lane = bench.lane_under(Act::Answer(200, Duration::ZERO), LanePolicy::open(some(50)).rate(Some(rate)));
    let began = bench.clock.now();
    let ids = bench.append(lane, 200).await;
    bench.until_finished(&ids).await;
    let took = bench.clock.now().since(began).as_secs_f64();
    assert!((18.9..25.0).contains(&took), "ten at once and then ten a second: {took}");
    for stop in [stop, stop_theirs] {
        stop.cancel();
    }
    ours.await.unwrap().unwrap();
    theirs.await.unwrap();
}

/// A delivery that a worker leased with its former share is sent within the new one, and the leases of dead workers are taken over.
#[tokio::test(start_paused = true)]
async fn workers_that_come_and_go_leave_no_delivery_behind() {
    let bench = Bench::new(Config::default());
    let (stop, ours) = bench.run();
    let act = Act::Answer(200, Duration::from_millis(200));
    let mut ids = Vec::new();
    for concurrency in [1, 2, 5, 9] {
        let lane = bench.lane_under(act, LanePolicy::open(some(concurrency)));
        ids.extend(bench.append(lane, 400).await);
    }
    for round in 0..12 {
        let (stop, other) = another(&bench);
        let (_, dies) = another(&bench);
        tokio::time::sleep(Duration::from_secs(3)).await;
        dies.abort();
        if round % 2 == 0 {
            other.abort();
        } else {
            stop.cancel();
            other.await.unwrap();
        }
    }
    bench.until_finished(&ids).await;
    stop.cancel();
    ours.await.unwrap().unwrap();
}
