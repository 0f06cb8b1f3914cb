//! The retry policy: a pure table, and the header that overrides it.

use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::outcome::{Outcome, Report};
use hookwire::retry::{Decision, Delays, Exponential, Facts, FailReason, Policy, RetryPolicy, Schedule, retry_after};
use http::HeaderMap;
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use crate::support::vectors;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const DAY: Duration = Duration::from_secs(86_400);

fn decide(policy: &Policy, attempt: u32, report: &Report) -> Decision {
    policy.decide(&Facts::new(attempt, NOW, report).seed(42))
}

fn status(code: u16) -> Report {
    Report::new(Outcome::Status(code), Duration::ZERO)
}

#[test]
fn the_default_schedule_is_ten_attempts_over_three_days() {
    let policy = Policy::default();
    assert_eq!(policy.max_attempts(), 10);
    let mut at = NOW;
    for attempt in 1..10 {
        let report = status(500);
        let facts = Facts::new(attempt, at, &report).seed(7);
        let Decision::Retry { at: next, .. } = policy.decide(&facts) else { panic!("attempt {attempt} is retried") };
        at = next;
    }
    let days = at.since(NOW).as_secs_f64() / DAY.as_secs_f64();
    assert!((2.8..3.6).contains(&days), "{days} days");
    assert_eq!(decide(&policy, 10, &status(500)), Decision::Fail { reason: FailReason::Exhausted });
}

#[test]
fn f_24_gone_disables_the_endpoint_at_once() {
    assert_eq!(decide(&Policy::default(), 1, &status(410)), Decision::Disable { reason: FailReason::Gone });
}

#[test]
fn f_25_other_statuses_are_retried_unless_they_are_named_permanent() {
    let policy = Policy::default();
    for code in [100, 301, 302, 304, 400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504] {
        assert!(matches!(decide(&policy, 1, &status(code)), Decision::Retry { .. }), "{code}");
    }
    let strict = Policy::default().permanent([400, 422, 200]);
    assert_eq!(decide(&strict, 1, &status(422)), Decision::Fail { reason: FailReason::Permanent });
    assert_eq!(decide(&strict, 1, &status(200)), Decision::Delivered);
}

#[test]
fn failures_of_the_way_are_retried_and_the_guard_is_final() {
    for outcome in [
        Outcome::Dns,
        Outcome::Connect,
        Outcome::Tls,
        Outcome::Timeout,
        Outcome::Reset,
        Outcome::Protocol,
        Outcome::Panic,
    ] {
        let report = Report::new(outcome, Duration::ZERO);
        assert!(matches!(decide(&Policy::default(), 1, &report), Decision::Retry { .. }), "{outcome}");
    }
    let blocked = Report::new(Outcome::Blocked, Duration::ZERO);
    assert_eq!(decide(&Policy::default(), 1, &blocked), Decision::Fail { reason: FailReason::Blocked });
}

#[test]
fn own_faults_wait_a_little_longer_each_time_and_are_bounded() {
    let policy = Policy::default().max_faults(3);
    let report = Report::new(Outcome::Local, Duration::ZERO);
    let with = |faults| policy.decide(&Facts::new(1, NOW, &report).faults(faults));
    assert_eq!(with(0), Decision::RetryUncounted { at: NOW + Duration::from_secs(1) });
    assert_eq!(with(2), Decision::RetryUncounted { at: NOW + Duration::from_secs(4) });
    assert_eq!(with(3), Decision::Fail { reason: FailReason::Faults });
    let patient = Policy::default().max_faults(u32::MAX);
    assert_eq!(
        patient.decide(&Facts::new(1, NOW, &report).faults(1_000_000)),
        Decision::RetryUncounted { at: NOW + Duration::from_secs(60) }
    );
}

#[test]
fn f_23_retry_after_counts_on_429_and_503_only_and_is_capped() {
    let policy = Policy::default();
    let requested = |code, until| status(code).retry_after(Some(until));
    let hour = NOW + Duration::from_secs(3_600);
    for code in [429, 503] {
        let decision = decide(&policy, 1, &requested(code, hour));
        assert_eq!(decision, Decision::Retry { at: hour, paused_until: Some(hour) });
    }
    for code in [200, 500, 301] {
        let decision = decide(&policy, 1, &requested(code, hour));
        assert!(!matches!(decision, Decision::Retry { paused_until: Some(_), .. }), "{code}");
    }
    let years = decide(&policy, 1, &requested(503, NOW + DAY * 4_000));
    assert_eq!(years, Decision::Retry { at: NOW + DAY, paused_until: Some(NOW + DAY) });
    let Decision::Retry { at, .. } = decide(&policy, 3, &requested(503, NOW)) else { panic!("retried") };
    assert!(at > NOW + Duration::from_secs(20 * 60), "the schedule still counts");
}

#[test]
fn f_23_the_header_reads_as_the_vectors_say() {
    let file = vectors("http-semantics.json");
    let now = Timestamp::from_secs(784_111_717);
    assert_eq!(file["now"], now.to_string());
    for case in file["retry_after"].as_array().unwrap() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", case["value"].as_str().unwrap().parse().unwrap());
        let read = retry_after::parse(&headers, now).map(|at| at.since(now).as_secs());
        match &case["seconds"] {
            serde_json::Value::String(note) if note.starts_with("clamp") => assert!(read.unwrap() > 1_000_000_000),
            serde_json::Value::String(note) if note.contains(":60") => assert_eq!(read, Some(83)),
            seconds => assert_eq!(read, seconds.as_u64(), "{case}"),
        }
    }
}

#[test]
fn f_23_a_header_that_stands_twice_is_ignored() {
    let mut headers = HeaderMap::new();
    headers.append("retry-after", "1".parse().unwrap());
    headers.append("retry-after", "2".parse().unwrap());
    assert_eq!(retry_after::parse(&headers, NOW), None);
}

proptest! {
    #[test]
    fn a_retry_is_never_before_now_nor_after_the_cap(
        attempt in 1u32..2_000, faults in 0u32..200, seed: u64, code in 100u16..600, requested in proptest::option::of(any::<i64>()),
    ) {
        let report = status(code).retry_after(requested.map(Timestamp::from_micros));
        let policy = Policy::new(Exponential::default());
        let facts = Facts::new(attempt, NOW, &report).faults(faults).seed(seed);
        let decision = policy.decide(&facts);
        prop_assert_eq!(decision, policy.decide(&facts), "pure");
        if let Decision::Retry { at, .. } = decision {
            prop_assert!(at >= NOW && at <= NOW + DAY);
            prop_assert!(attempt < policy.max_attempts());
        }
        prop_assert_eq!(matches!(decision, Decision::Delivered), (200..300).contains(&code));
    }

    #[test]
    fn growing_waits_stay_within_a_tenth_of_their_growth_and_under_the_cap(
        first in 1u64..100_000, factor in 1u32..50, cap in 1u64..10_000_000, retry in 1u32..16, seed: u64,
    ) {
        let millis = Duration::from_millis;
        let waits = Exponential::from(millis(first)).factor(factor).cap(millis(cap));
        let wait = waits.delay(retry, seed).unwrap();
        let exact = millis(first).saturating_mul(factor.saturating_pow(retry - 1));
        prop_assert!(wait <= millis(cap));
        prop_assert!(wait >= (exact.saturating_mul(9) / 10).min(millis(cap)), "{wait:?} for {exact:?}");
        prop_assert!(wait <= exact.saturating_mul(11) / 10 || exact == Duration::MAX);
        prop_assert_eq!(waits.delay(16, seed), None);
        prop_assert_eq!(waits.delay(0, seed), None);
    }

    #[test]
    fn any_text_in_the_header_is_read_or_ignored(text in "[ -~]{0,40}") {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", text.parse().unwrap());
        if let Some(at) = retry_after::parse(&headers, NOW) {
            prop_assert!(at >= NOW);
        }
    }

    #[test]
    fn any_iterator_of_durations_is_a_schedule(millis in proptest::collection::vec(0u32..10_000_000, 0..20)) {
        let schedule: Schedule = millis.iter().map(|ms| Duration::from_millis(u64::from(*ms))).collect();
        prop_assert_eq!(Policy::new(schedule).max_attempts() as usize, millis.len() + 1);
    }
}

#[test]
fn an_endless_iterator_is_cut_off() {
    let schedule: Schedule = std::iter::repeat(Duration::from_secs(1)).collect();
    assert_eq!(Policy::new(schedule).max_attempts(), 1_001);
}
