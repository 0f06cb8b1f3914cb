//! Every link and every form, as one tenant: it never sees a byte of another.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{CustomHeaders, Labels, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::sender::Scope;
use hookwire::store::DeliveryQuery;

use super::site::{Page, ROOT, Site, Who};

/// What a tenant has.
struct Things {
    endpoint: String,
    event: String,
    delivery: String,
    /// The path of a bulk job that runs.
    job: String,
}

async fn things(site: &Site, tenant: &str) -> Things {
    let target = Target::parse(&format!("http://127.0.0.1:9000/{tenant}?token=url-{tenant}")).unwrap();
    let headers = CustomHeaders::new().bearer(&format!("credential-{tenant}")).unwrap();
    let labels = Labels::new().with("plan", &format!("label-{tenant}")).unwrap();
    let new = NewEndpoint::at(target).tenant(tenant).headers(headers).labels(labels).events(["invoice.*"]).unwrap();
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    let event = NewEvent::json("invoice.paid", &json!({"payload_of": tenant})).unwrap().tenant(tenant);
    let receipt = site.sender.dispatch(event).await.unwrap();
    let scoped = site.sender.scoped(Scope::tenant(tenant).named(format!("job-{tenant}")));
    let mut failed = DeliveryQuery::of(Work::Sent);
    failed.state = Some(DeliveryState::Failed);
    let job = scoped.resend_all(failed).start().await.unwrap();
    Things {
        endpoint: endpoint.id.to_string(),
        event: receipt.event.to_string(),
        delivery: receipt.deliveries[0].to_string(),
        job: format!("jobs/{job}"),
    }
}

/// Opens every page that links lead to, from the overview on.
async fn walk(site: &Site, who: Who) -> BTreeMap<String, Page> {
    let mut pages = BTreeMap::new();
    let mut to_open = vec![format!("{ROOT}overview")];
    while let Some(path) = to_open.pop() {
        if pages.contains_key(&path) {
            continue;
        }
        assert!(pages.len() < 500, "the walk does not end");
        let page = site.open(who, &path).await;
        to_open.extend(page.links());
        pages.insert(path, page);
    }
    pages
}

#[tokio::test]
async fn a_tenant_that_walks_every_link_never_sees_a_byte_of_another_tenant() {
    let site = Site::new();
    let (acme, globex) = (things(&site, "acme").await, things(&site, "globex").await);
    let pages = walk(&site, "acme").await;
    assert!(pages.len() > 15, "{:?}", pages.keys());
    for (path, page) in &pages {
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for foreign in ["globex", &globex.endpoint, &globex.event, &globex.delivery, &globex.job] {
            assert!(!page.html.contains(foreign), "{path} shows {foreign}");
        }
        assert!(!page.html.contains("credential-"), "{path} shows the value of a header");
    }
    for own in [&acme.endpoint, &acme.event, &acme.delivery, &acme.job, "payload_of", "label-acme", "job-acme"] {
        assert!(pages.values().any(|page| page.html.contains(own)), "no page shows {own}");
    }
    let seen_by_operator = walk(&site, "*").await;
    for id in [&acme.delivery, &globex.delivery, &acme.job, &globex.job] {
        assert!(seen_by_operator.values().any(|page| page.html.contains(id)), "the operator does not see {id}");
    }
}

#[tokio::test]
async fn every_page_and_form_of_another_tenant_is_as_if_it_did_not_exist() {
    let site = Site::new();
    let (acme, globex) = (things(&site, "acme").await, things(&site, "globex").await);
    let foreign = |path: &str| {
        let ids = [
            (&acme.endpoint, &globex.endpoint),
            (&acme.event, &globex.event),
            (&acme.delivery, &globex.delivery),
            (&acme.job, &globex.job),
        ];
        ids.iter().fold(path.to_owned(), |path, (own, other)| path.replace(own.as_str(), other))
    };
    let (mut opened, mut sent) = (0, 0);
    for page in walk(&site, "acme").await.values() {
        for link in page.links() {
            let (other, absent) = (foreign(&link), link.replace("_0", "_f").replace(&acme.job, "jobs/999"));
            // A filter by a foreign id finds nothing; the page of a foreign object is not found.
            if other != link && !link.contains('?') {
                assert_eq!(site.open("acme", &other).await.status, StatusCode::NOT_FOUND, "{other}");
                assert_eq!(site.open("acme", &absent).await.status, StatusCode::NOT_FOUND, "{absent}");
                opened += 1;
            }
        }
        for mut form in page.forms().into_iter().filter(|form| form.method == "post") {
            let path = foreign(&form.path);
            // These forms name deliveries in their fields.
            let is_bulk = form.path.contains("/deliveries/") && !form.path.contains(&acme.delivery);
            if path != form.path || is_bulk {
                form.path = path;
                let set = [("sure", "on"), ("step", "send"), (&globex.delivery, "on")];
                let answer = site.submit("acme", &form, &set).await;
                if is_bulk {
                    assert!(answer.html.contains("0 deliveries are "), "{}", answer.html);
                } else {
                    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{form:?}");
                }
                sent += 1;
            }
        }
    }
    assert!(opened >= 3 && sent >= 5, "{opened} links, {sent} forms");
    let endpoint = site.sender.endpoints().get(globex.endpoint.parse().unwrap()).await.unwrap();
    assert_eq!(endpoint.version, 1, "nothing of the other tenant has changed");
    let delivery = site.sender.history().delivery(globex.delivery.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(delivery.state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_caller_who_may_only_read_gets_no_form_that_changes_and_no_change() {
    let site = Site::new();
    let acme = things(&site, "acme").await;
    let writable = walk(&site, "acme").await;
    let posts = |page: &Page| page.forms().into_iter().filter(|form| form.method == "post").collect::<Vec<_>>();
    for (path, page) in walk(&site, "acme:read-only").await {
        // A dry run of a replay only counts.
        let changing = posts(&page).into_iter().filter(|form| !form.path.ends_with("/replay"));
        assert_eq!(changing.collect::<Vec<_>>(), [], "{path}");
    }
    let mut refused = 0;
    for form in writable.values().flat_map(posts) {
        let set = [
            ("sure", "on"),
            ("step", "send"),
            ("url", "http://127.0.0.1:9000/new"),
            ("request", "a: b\n\n{}"),
            (&acme.delivery, "on"),
        ];
        let answer = site.submit("acme:read-only", &form, &set).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{form:?}");
        refused += 1;
    }
    assert!(refused >= 6, "{refused}");
    assert_eq!(site.sender.endpoints().get(acme.endpoint.parse().unwrap()).await.unwrap().version, 1);
}

#[tokio::test]
async fn nobody_gets_a_page_without_a_scope() {
    let site = Site::new();
    things(&site, "acme").await;
    for (path, page) in walk(&site, "acme").await {
        let answer = site.open("", &path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(!answer.html.contains("acme"), "{path}");
        for form in page.forms().into_iter().filter(|form| form.method == "post") {
            assert_eq!(site.submit("", &form, &[]).await.status, StatusCode::UNAUTHORIZED, "{form:?}");
        }
    }
}
