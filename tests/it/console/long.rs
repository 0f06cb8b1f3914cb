//! Lists that one search does not examine to their end.

use std::time::Duration;

use http::StatusCode;

use hookwire::clock::{Clock as _, SystemClock, Timestamp};
use hookwire::delivery::{Attempt, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::EndpointId;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Claim, MemoryStore, Outbox as _, Rollups as _};

use super::super::support::history::fill;
use super::site::Site;

#[tokio::test]
async fn a_page_that_searched_only_a_part_says_how_far_and_searches_on() {
    let store = MemoryStore::new();
    fill(&store, EndpointId::generate(Timestamp::EPOCH)).await;
    let site = Site::over(store, |console| console);
    let all = site.page("acme", "deliveries").await;
    assert!(all.html.contains("Older deliveries") && !all.html.contains("searched back"), "a full page: {}", all.html);
    let first = site.page("acme", "deliveries?type=rare.made").await;
    assert!(first.html.contains("No delivery matches so far."), "{}", first.html);
    assert!(first.html.contains("This page has searched back to"), "{}", first.html);
    assert!(first.html.contains("2023-11-14 22:"), "the time of the last delivery that was examined: {}", first.html);
    assert!(first.html.contains("Search older deliveries"), "{}", first.html);
    let next = first.links().into_iter().find(|link| link.contains("after=")).unwrap();
    let last = site.open("acme", &next).await;
    assert!(last.html.contains("rare.made</a>") && !last.html.contains("Search older"), "{}", last.html);
    let none = site.page("acme", "deliveries?type=nothing.made").await;
    let next = none.links().into_iter().find(|link| link.contains("after=")).unwrap();
    let end = site.open("acme", &next).await;
    assert!(end.html.contains("No delivery matches.") && !end.html.contains("Search older"), "{}", end.html);
}

/// Each endpoint has a failed attempt in each of the last 23 hours, so that an hour that begins meanwhile changes nothing.
async fn busy_endpoints(site: &Site, count: usize) {
    for number in 0..count {
        let target = Target::parse(&format!("http://127.0.0.1:{}/in", 9_000 + number)).unwrap();
        let new = NewEndpoint::at(target).tenant(format!("tenant-{number}")).events(["invoice.*"]).unwrap();
        let endpoint = site.sender.endpoints().create(new).await.unwrap().id;
        let event = NewEvent::json("invoice.paid", &1).unwrap().tenant(format!("tenant-{number}"));
        site.sender.dispatch(event).await.unwrap();
        let mut now = SystemClock.now();
        for hour in (0..23_u32).rev() {
            let outcome = if hour % 4 == 0 { Outcome::Timeout } else { Outcome::Status(500) };
            let claim = Claim { lanes: vec![(endpoint.into(), 1)], now, until: now + Duration::from_secs(60) };
            let leased = site.store.claim(claim).await.unwrap().leased.remove(0);
            let at = SystemClock.now() - Duration::from_secs(3_600) * hour;
            let attempt = Attempt::new(leased.attempt, at, Duration::from_millis(9), outcome);
            let next = Decision::Retry { at: now, paused_until: None };
            let settled = Settlement::of(&leased, next, at).with_attempt(attempt);
            site.store.settle(vec![settled]).await.unwrap();
            now = SystemClock.now();
        }
    }
    site.store.fold(SystemClock.now()).await.unwrap();
}

#[tokio::test]
async fn a_page_of_a_hundred_endpoints_is_small_and_tells_each_chart_in_words() {
    let site = Site::new();
    busy_endpoints(&site, 100).await;
    let first = site.page("*", "endpoints").await;
    let next = first.links().into_iter().find(|link| link.contains("after=")).unwrap();
    let second = site.open("*", &next).await;
    for page in [&first, &second] {
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.html.matches("aria-label=\"23 attempts in the last day, 23 of them failed\"").count(), 50);
        assert_eq!(page.html.matches("<path").count(), 50, "{}", page.html);
    }
    let length = first.html.len() + second.html.len();
    assert!(length < 100_000, "{length} bytes");
}
