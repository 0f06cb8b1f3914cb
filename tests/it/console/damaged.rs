//! Damaged records do not hide the others.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::console::Console;
use hookwire::delivery::{Attempt, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EndpointId};
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::store::{Claim, MemoryStore, Outbox as _};

use super::super::support::log::Log;
use super::site::{Page, Site};
use super::watched::Watched;

struct Scene {
    site: Site,
    watched: Watched,
    endpoint: EndpointId,
    /// Oldest first.
    deliveries: Vec<DeliveryId>,
}

/// Deliveries to one endpoint that have failed in their first attempt.
async fn scene(count: u32) -> Scene {
    let store = MemoryStore::new();
    let watched = Watched::over(store.clone());
    let site = Site::behind(store.clone(), watched.clone(), |console: Console| console);
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap().id;
    for number in 0..count {
        site.sender.dispatch(NewEvent::json("invoice.paid", &number).unwrap().tenant("acme")).await.unwrap();
    }
    let now = SystemClock.now();
    let claim = Claim { lanes: vec![(endpoint.into(), count)], now, until: now + Duration::from_secs(60) };
    let leased = store.claim(claim).await.unwrap().leased;
    let failed = leased.iter().map(|leased| {
        let attempt = Attempt::new(1, now, Duration::ZERO, Outcome::Status(400));
        Settlement::of(leased, Decision::Fail { reason: FailReason::Permanent }, now).with_attempt(attempt)
    });
    store.settle(failed.collect()).await.unwrap();
    let mut deliveries: Vec<_> = leased.iter().map(|leased| leased.lease.delivery).collect();
    deliveries.sort_unstable();
    Scene { site, watched, endpoint, deliveries }
}

/// The deliveries whose pages a list leads to.
fn linked(page: &Page) -> BTreeSet<String> {
    let ids = page.links().into_iter().filter_map(|link| link.split("/deliveries/").nth(1).map(str::to_owned));
    ids.collect()
}

#[tokio::test]
async fn a_row_says_that_its_record_cannot_be_read_and_the_others_are_shown() {
    let (log, _guard) = Log::of_this_thread();
    let Scene { site, watched, endpoint, deliveries } = scene(6).await;
    watched.damage_attempts(deliveries[1]);
    watched.damage_delivery(deliveries[3]);
    let expected: BTreeSet<_> =
        deliveries.iter().map(ToString::to_string).filter(|id| *id != deliveries[3].to_string()).collect();
    for path in ["deliveries".into(), "deliveries?type=invoice.paid".into(), format!("endpoints/{endpoint}")] {
        let page = site.page("acme", &path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.html);
        assert_eq!(linked(&page), expected, "{path}");
        assert!(page.html.contains(&format!("The record <code>{}</code>", deliveries[3])), "{path}: {}", page.html);
        assert_eq!(page.html.matches("its record cannot be read").count(), 1, "{path}: {}", page.html);
        assert_eq!(page.html.matches("400 Bad Request").count(), 4, "{path}: {}", page.html);
        let places: Vec<_> = deliveries.iter().rev().map(|id| page.html.find(&id.to_string()).unwrap()).collect();
        assert!(places.is_sorted(), "{path}: the rows are in the order of the list");
    }
    for id in [deliveries[1], deliveries[3]] {
        let warnings =
            log.text().lines().filter(|line| line.contains("WARN") && line.contains(&id.to_string())).count();
        assert_eq!(warnings, 1, "{}", log.text());
    }
    let foreign = site.page("other", "deliveries").await;
    assert!(!foreign.html.contains(&deliveries[3].to_string()), "{}", foreign.html);
}

#[tokio::test]
async fn the_page_of_a_delivery_with_damaged_attempts_shows_the_rest() {
    let Scene { site, watched, deliveries, .. } = scene(1).await;
    watched.damage_attempts(deliveries[0]);
    let page = site.page("acme", &format!("deliveries/{}", deliveries[0])).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.html);
    assert!(
        page.html.contains("The attempts cannot be read.") && page.html.contains("<h2>Payload</h2>"),
        "{}",
        page.html
    );
    let resent = site.submit("acme", &page.form("/resend"), &[]).await;
    assert!(resent.html.contains("The delivery is sent again."), "{}", resent.html);
}

#[tokio::test]
async fn pages_with_damaged_records_list_every_other_delivery_once() {
    let Scene { site, watched, deliveries, .. } = scene(120).await;
    let damaged = [0, 1, 40, 41, 75, 77, 118, 119].map(|place| deliveries[place]);
    damaged.into_iter().for_each(|id| watched.damage_delivery(id));
    let (mut seen, mut reported) = (Vec::new(), BTreeSet::new());
    let mut page = site.page("acme", "deliveries").await;
    for _ in 0..20 {
        assert_eq!(page.status, StatusCode::OK, "{}", page.html);
        seen.extend(linked(&page));
        let marks = page.html.split("The record <code>").skip(1);
        reported.extend(marks.map(|rest| rest.split('<').next().unwrap().to_owned()));
        let Some(next) = page.links().into_iter().find(|link| link.contains("after=")) else { break };
        page = site.open("acme", &next).await;
    }
    let mut expected: Vec<_> = deliveries.iter().filter(|id| !damaged.contains(id)).map(ToString::to_string).collect();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
    assert_eq!(reported, damaged.iter().map(ToString::to_string).collect());
}
