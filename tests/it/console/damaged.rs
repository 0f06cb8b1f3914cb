//! Damaged records do not hide the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::console::Console;
use hookwire::delivery::{Attempt, NewDelivery, Settlement};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{DeliveryId, EndpointId};
use hookwire::outcome::Outcome;
use hookwire::retry::{Decision, FailReason};
use hookwire::store::{Append, Claim, MemoryStore, Outbox as _};

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
    let mut expected: Vec<_> = deliveries.iter().filter(|id| !damaged.contains(id)).map(ToString::to_string).collect();
    expected.sort();
    let mut page = site.page("acme", "deliveries").await;
    // To older rows, and from the last page back to newer ones.
    for field in ["after=", "before="] {
        let (mut seen, mut found) = (Vec::new(), BTreeSet::new());
        for _ in 0..20 {
            assert_eq!(page.status, StatusCode::OK, "{}", page.html);
            seen.extend(linked(&page));
            found.extend(reported(&page));
            let Some(next) = page.links().into_iter().find(|link| link.contains(field)) else { break };
            page = site.open("acme", &next).await;
        }
        seen.sort();
        assert_eq!(seen, expected, "{field}");
        assert_eq!(found, damaged.iter().map(ToString::to_string).collect(), "{field}");
        page = last(&site).await;
    }
}

/// The last page of the deliveries.
async fn last(site: &Site) -> Page {
    let mut page = site.page("acme", "deliveries").await;
    for _ in 0..20 {
        let Some(next) = page.links().into_iter().find(|link| link.contains("after=")) else { break };
        page = site.open("acme", &next).await;
    }
    page
}

/// The ids of the damaged records that a page reports.
fn reported(page: &Page) -> BTreeSet<String> {
    let marks = page.html.split("The record <code>").skip(1);
    marks.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_damaged_delivery_is_searched_once() {
    let Scene { site, watched, endpoint, deliveries } = scene(40).await;
    let damaged = [deliveries[20], deliveries[21]];
    damaged.into_iter().for_each(|id| watched.damage_delivery(id));
    let expected: BTreeSet<_> = damaged.iter().map(ToString::to_string).collect();
    let first = site.page("acme", "deliveries").await;
    assert_eq!(reported(&first), expected, "{}", first.html);
    assert!(watched.lists() > 100, "the first page searches");
    for (who, path, most) in [
        ("acme", "deliveries".to_owned(), 45),
        ("*", "deliveries?type=invoice.paid".into(), 45),
        ("acme", format!("endpoints/{endpoint}"), 45),
        ("other", "deliveries".into(), 1),
    ] {
        let page = site.page(who, &path).await;
        let lists = watched.lists();
        assert!(lists <= most, "{path}: {lists} lists were read");
        if path.starts_with("deliveries") && who != "other" {
            assert_eq!(reported(&page), expected, "{path}");
            assert_eq!(linked(&page).len(), 38, "{path}");
        }
    }
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("acme");
    let newer = site.sender.dispatch(event).await.unwrap().deliveries[0];
    watched.damage_delivery(newer);
    let page = site.page("acme", "deliveries").await;
    assert_eq!(reported(&page).len(), 3, "a new damaged record is found beside the known ones: {}", page.html);
    watched.repair_deliveries();
    let page = site.page("acme", "deliveries").await;
    assert_eq!((reported(&page).len(), linked(&page).len()), (0, 41), "what was repaired is shown");
}

#[tokio::test]
async fn the_known_damage_of_another_tenant_is_not_shown() {
    let Scene { site, watched, deliveries, .. } = scene(6).await;
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant("other")).await.unwrap();
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("other");
    let theirs = site.sender.dispatch(event).await.unwrap().deliveries[0];
    [deliveries[5], theirs].into_iter().for_each(|id| watched.damage_delivery(id));
    let all = site.page("*", "deliveries").await;
    assert_eq!(reported(&all), BTreeSet::from([deliveries[5].to_string(), theirs.to_string()]));
    assert_eq!(reported(&site.page("acme", "deliveries").await), BTreeSet::from([deliveries[5].to_string()]));
    assert_eq!(reported(&site.page("other", "deliveries").await), BTreeSet::from([theirs.to_string()]));
}

#[tokio::test]
async fn a_damaged_delivery_of_a_future_time_is_found_and_no_id_is_invented() {
    let Scene { site, watched, endpoint, deliveries } = scene(3).await;
    let future = SystemClock.now() + Duration::from_secs(3 * 86_400);
    let new = NewDelivery::new(endpoint, future);
    let id = new.id;
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("acme").seal(future);
    site.store.append(vec![Append { event: Arc::new(event), deliveries: vec![new], now: future }]).await.unwrap();
    watched.damage_delivery(id);
    for path in ["deliveries", "deliveries?state=pending"] {
        let page = site.page("acme", path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.html);
        assert_eq!(reported(&page), BTreeSet::from([id.to_string()]), "{path}: {}", page.html);
    }
    let page = site.page("acme", "deliveries").await;
    assert_eq!(linked(&page), deliveries.iter().map(ToString::to_string).collect());
}

#[tokio::test]
async fn damage_that_has_no_place_ends_the_search_without_an_id() {
    let Scene { site, watched, .. } = scene(3).await;
    watched.damage_lists();
    for path in ["deliveries", "overview"] {
        let page = site.page("acme", path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.html);
        assert_eq!(reported(&page), BTreeSet::new(), "{path}");
        assert!(watched.lists() < 300, "{path}: the search ends");
    }
}

#[tokio::test]
async fn the_overview_says_that_it_has_not_counted_every_failed_delivery() {
    let Scene { site, watched, deliveries, .. } = scene(5).await;
    assert!(site.page("acme", "overview").await.html.contains("5</strong> failed in 24 h"));
    watched.damage_delivery(deliveries[2]);
    let page = site.page("acme", "overview").await;
    assert!(page.html.contains("4+</strong> failed in 24 h"), "{}", page.html);
    watched.damage_delivery(deliveries[0]);
    watched.lists();
    let page = site.page("acme", "overview").await;
    assert!(page.html.contains("+</strong> failed in 24 h"), "{}", page.html);
    let lists = watched.lists();
    assert!(lists < 60, "it skips one damaged record and does not search the next: {lists} lists were read");
}

#[tokio::test]
async fn damaged_events_are_noted_on_the_pages_that_list_them() {
    let Scene { site, watched, endpoint, .. } = scene(1).await;
    let form = "<h2>Settings</h2>";
    let page = site.page("acme", &format!("endpoints/{endpoint}")).await;
    assert!(page.html.contains(form) && !page.html.contains("cannot be read"), "{}", page.html);
    watched.damage_events();
    let page = site.page("acme", &format!("endpoints/{endpoint}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.html.contains(form) && page.html.contains("The last events cannot be read."), "{}", page.html);
    for (who, path) in [("acme", "events"), ("*", "events?tenant=acme")] {
        let page = site.page(who, path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.html.contains("An event of this page cannot be read."), "{}", page.html);
        assert!(!page.html.contains("No event matches"), "{}", page.html);
    }
}
