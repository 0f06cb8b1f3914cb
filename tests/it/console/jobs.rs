//! Bulk jobs: the forms that start them, the list, and the page of each.

use http::StatusCode;

use hookwire::clock::Timestamp;
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{Endpoint, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::{EndpointId, Work};
use hookwire::sender::{BulkState, Scope};
use hookwire::store::{DeliveryQuery, MemoryStore};

use super::super::support::history::fill;
use super::super::support::until;
use super::site::{Page, Site};
use super::watched::Watched;

async fn endpoint_of(site: &Site, tenant: &str) -> Endpoint {
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap()
}

async fn dispatch(site: &Site, tenant: &str, count: u32) {
    for number in 0..count {
        site.sender.dispatch(NewEvent::json("invoice.paid", &number).unwrap().tenant(tenant)).await.unwrap();
    }
}

/// The page that the link with this text leads to.
async fn follow(site: &Site, page: &Page, part: &str) -> Page {
    let link = page.links().into_iter().find(|link| link.contains(part));
    site.open("acme", &link.unwrap_or_else(|| panic!("no link with {part}: {}", page.html))).await
}

/// Starts a job of this tenant that waits for a worker. Returns its number.
async fn start(site: &Site, tenant: &str) -> u64 {
    let scoped = site.sender.scoped(Scope::tenant(tenant).named("ann"));
    let mut pending = DeliveryQuery::of(Work::Sent);
    pending.state = Some(DeliveryState::Pending);
    scoped.cancel_all(pending).limit(1_000).start().await.unwrap()
}

#[tokio::test]
async fn a_filtered_list_is_counted_and_then_changed_by_a_job() {
    let site = Site::new();
    let (own, other) = (endpoint_of(&site, "acme").await, endpoint_of(&site, "globex").await);
    dispatch(&site, "acme", 3).await;
    dispatch(&site, "globex", 2).await;
    let list = site.page("acme", "deliveries?state=pending&type=invoice.paid").await;
    assert!(!list.html.contains("what=resend"), "pending deliveries are sent anyway: {}", list.html);
    let asked = follow(&site, &list, "jobs/new?what=cancel").await;
    assert!(asked.html.contains("<strong>3 deliveries</strong> would be cancelled."), "{}", asked.html);
    for (name, value) in [("State", "pending"), ("Event type", "invoice.paid")] {
        assert!(asked.html.contains(&format!("<dt>{name}</dt><dd>{value}</dd>")), "{}", asked.html);
    }
    assert!(!asked.html.contains("name=\"pace\""), "a cancellation has no pace");
    let started = site.submit("acme", &asked.form("jobs/new"), &[("limit", "2")]).await;
    assert!(started.html.contains("The job has started."), "{}", started.html);
    assert!(started.html.contains("0 deliveries cancelled, 0 looked at, running since"), "{}", started.html);
    assert!(started.html.contains("max=\"2\" value=\"0\""), "the limit is known: {}", started.html);
    let counts = async |endpoint: &Endpoint| {
        let found = site.sender.history().counts(Some(endpoint.id.into())).await.unwrap();
        (found.pending, found.cancelled)
    };
    assert_eq!(counts(&own).await, (3, 0), "a worker carries it out");

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    let path = started.path.split('?').next().unwrap().to_owned();
    until(async || site.open("acme", &path).await.html.contains("2 deliveries cancelled")).await;
    drop(stop);
    worker.await.unwrap().unwrap();
    let done = site.open("acme", &path).await;
    assert!(done.html.contains("</span> done</span>") && done.html.contains("<dt>Finished</dt>"), "{}", done.html);
    assert!(!done.html.contains("Stop the job") && !done.html.contains("<progress"), "{}", done.html);
    assert_eq!((counts(&own).await.1, counts(&other).await.1), (2, 0), "those of another tenant remain");
    let changed = follow(&site, &done, "deliveries?state=cancelled").await;
    assert_eq!(changed.html.matches("invoice.paid</a>").count(), 2, "{}", changed.html);
}

#[tokio::test]
async fn a_replay_of_the_console_is_finished_by_a_worker() {
    let site = Site::new();
    dispatch(&site, "acme", 3).await;
    let endpoint = endpoint_of(&site, "acme").await;
    let form = site.page("acme", &format!("endpoints/{}/replay", endpoint.id)).await.form("/replay");
    let started = site.submit("acme", &form, &[("step", "send"), ("what", "never_owed")]).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    until(async || site.open("acme", &started.path).await.html.contains("</span> done</span>")).await;
    drop(stop);
    worker.await.unwrap().unwrap();
    let done = site.open("acme", &started.path).await;
    assert!(done.html.contains("3 deliveries made, 3 looked at."), "{}", done.html);
    assert!(done.html.contains("never owed"), "what it did: {}", done.html);
    follow(&site, &done, &format!("endpoints/{}", endpoint.id)).await;
    let made = follow(&site, &done, "deliveries?endpoint=").await;
    assert_eq!(made.html.matches("invoice.paid</a>").count(), 3, "{}", made.html);
}

#[tokio::test]
async fn a_job_is_stopped_by_its_form_once() {
    let site = Site::new();
    let number = start(&site, "acme").await;
    let page = site.page("acme", &format!("jobs/{number}")).await;
    let form = page.form("/stop");
    let stopped = site.submit("acme", &form, &[]).await;
    assert!(
        stopped.html.contains("The job was stopped.") && !stopped.html.contains("Stop the job"),
        "{}",
        stopped.html
    );
    let job = site.sender.scoped(Scope::operator()).job(number).await.unwrap().unwrap();
    assert_eq!(job.state, BulkState::Stopped);
    let again = site.submit("acme", &form, &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.html.contains("job: is finished"), "{}", again.html);
    let log = site.page("acme", "audit").await;
    assert!(log.html.contains("Stop a bulk job") && log.html.contains("Cancel all that match"), "{}", log.html);
    assert_eq!(follow(&site, &log, &format!("jobs/{number}")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_job_of_another_tenant_does_not_exist() {
    let site = Site::new();
    let (own, other) = (start(&site, "acme").await, start(&site, "globex").await);
    let list = site.page("acme", "jobs").await;
    assert!(list.html.contains(&format!("jobs/{own}")) && !list.html.contains("globex"), "{}", list.html);
    assert_eq!(site.page("acme", &format!("jobs/{other}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post("acme", &format!("jobs/{other}/stop"), &[]).await.status, StatusCode::NOT_FOUND);
    for path in ["jobs/0", "jobs/none", "jobs/99999999999999999999"] {
        assert_eq!(site.page("acme", path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let all = site.page("*", "jobs").await;
    assert!(all.html.contains("globex") && all.html.contains("acme") && all.html.contains("ann"), "{}", all.html);
    let job = site.sender.scoped(Scope::operator()).job(other).await.unwrap().unwrap();
    assert_eq!(job.state, BulkState::Running);
}

#[tokio::test]
async fn a_caller_who_may_only_read_sees_jobs_and_changes_none() {
    let site = Site::new();
    endpoint_of(&site, "acme").await;
    dispatch(&site, "acme", 1).await;
    let number = start(&site, "acme").await;
    let who = "acme:read-only";
    for path in ["deliveries?state=pending", "jobs", &format!("jobs/{number}"), "jobs/new?what=cancel&state=pending"] {
        let page = site.page(who, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.html.contains("method=\"post\"") && !page.links().iter().any(|link| link.contains("/new?")));
    }
    let fields = [("what", "cancel"), ("state", "pending")];
    assert_eq!(site.post(who, "jobs/new", &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.post(who, &format!("jobs/{number}/stop"), &[]).await.status, StatusCode::FORBIDDEN);
    let jobs = site.sender.scoped(Scope::operator());
    assert_eq!(jobs.job(number).await.unwrap().unwrap().state, BulkState::Running);
    assert_eq!(jobs.job(number + 1).await.unwrap(), None, "no other one was started");
}

#[tokio::test]
async fn a_change_that_makes_no_sense_for_the_filter_is_refused() {
    let site = Site::new();
    endpoint_of(&site, "acme").await;
    dispatch(&site, "acme", 1).await;
    for (query, expected) in [
        ("what=cancel", "state: does not allow"),
        ("what=resend", "state: does not allow"),
        ("what=resend&state=pending", "state: does not allow"),
        ("what=cancel&state=delivered", "state: does not allow"),
        ("what=remove&state=pending", "what: must be resend or cancel"),
        ("what=cancel&state=pending&from=soon", "filter: cannot be read"),
    ] {
        let page = site.page("*", &format!("jobs/new?{query}")).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(page.html.contains(expected), "{query}: {}", page.html);
        let fields: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        assert_eq!(site.post("*", "jobs/new", &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    assert!(!site.page("*", "deliveries").await.html.contains("jobs/new"), "nothing limits this list");
    let filtered = site.page("*", "deliveries?type=invoice.paid").await;
    assert!(filtered.html.contains("what=resend") && filtered.html.contains("what=cancel"), "{}", filtered.html);
    let none = site.page("*", "jobs/new?what=resend&type=invoice.paid").await;
    assert!(none.html.contains("<strong>0 deliveries</strong> would be sent again."), "{}", none.html);
    assert!(!none.html.contains("Start the job"), "there is nothing to start: {}", none.html);
    assert!(site.page("*", "jobs").await.html.contains("There is no job."));
}

#[tokio::test]
async fn a_malformed_limit_or_pace_comes_back_with_a_message() {
    let site = Site::new();
    endpoint_of(&site, "acme").await;
    dispatch(&site, "acme", 1).await;
    let delivery = site.page("acme", "deliveries").await.between("deliveries/dlv_", "\"");
    site.post("acme", &format!("deliveries/dlv_{delivery}/cancel"), &[]).await;
    let asked = site.page("acme", "jobs/new?what=resend&state=cancelled").await;
    let form = asked.form("jobs/new");
    let wrong = site.submit("acme", &form, &[("limit", "many"), ("pace", "0"), ("per", "minute")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.html.contains("id=\"wrong-limit\">limit: ") && wrong.html.contains("id=\"wrong-pace\">pace: "));
    assert!(wrong.html.contains("name=\"limit\" value=\"many\"") && wrong.html.contains("value=\"minute\" checked"));
    assert!(wrong.html.contains("<strong>1 delivery</strong> would be sent again."), "{}", wrong.html);
    let started = site.submit("acme", &wrong.form("jobs/new"), &[("limit", ""), ("pace", "5")]).await;
    assert!(started.html.contains("5 in 60s"), "the unit is kept: {}", started.html);
}

#[tokio::test]
async fn an_owner_with_too_many_open_jobs_is_told_so() {
    let site = Site::new();
    for _ in 0..8 {
        start(&site, "acme").await;
    }
    let fields = [("what", "cancel"), ("state", "pending")];
    let refused = site.post("acme", "jobs/new", &fields).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.html.contains("8 jobs are not finished, which is the limit"), "{}", refused.html);
    let endpoint = endpoint_of(&site, "acme").await;
    let replay = site.post("acme", &format!("endpoints/{}/replay", endpoint.id), &[("step", "send")]).await;
    assert_eq!(replay.status, StatusCode::CONFLICT, "{}", replay.html);
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let site = Site::new();
    let scoped = site.sender.scoped(Scope::tenant("acme"));
    let mut numbers = Vec::new();
    for _ in 0..60 {
        let number = start(&site, "acme").await;
        scoped.stop_job(number).await.unwrap();
        numbers.push(number);
    }
    let first = site.page("acme", "jobs").await;
    let second = follow(&site, &first, "jobs?after=").await;
    let mut shown = Vec::new();
    for page in [&first, &second] {
        shown.extend(page.html.split("href=\"jobs/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    numbers.reverse();
    assert_eq!(shown, numbers.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(!second.html.contains("Next page"), "{}", second.html);
}

#[tokio::test]
async fn deliveries_with_a_damaged_record_are_not_changed_as_a_whole() {
    let store = MemoryStore::new();
    let watched = Watched::over(store.clone());
    let site = Site::behind(store, watched.clone(), |console| console);
    endpoint_of(&site, "acme").await;
    dispatch(&site, "acme", 1).await;
    watched.damage_lists();
    let page = site.page("acme", "jobs/new?what=cancel&state=pending").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.html.contains("The deliveries cannot be counted") && !page.html.contains("Start the job"));
}

#[tokio::test]
async fn a_count_of_a_long_list_is_a_lower_bound() {
    let store = MemoryStore::new();
    fill(&store, EndpointId::generate(Timestamp::EPOCH)).await;
    let site = Site::over(store, |console| console);
    let many = site.page("acme", "jobs/new?what=cancel&state=pending").await;
    assert!(many.html.contains("<strong>At least ") && many.html.contains("Start the job"), "{}", many.html);
    let unknown = site.page("acme", "jobs/new?what=resend&type=invoice.paid").await;
    assert!(unknown.html.contains("<strong>An unknown number of deliveries</strong> would be"), "{}", unknown.html);
    assert!(unknown.html.contains("Start the job"), "{}", unknown.html);
}

#[tokio::test]
async fn the_endpoint_of_a_job_may_be_removed() {
    let site = Site::new();
    let endpoint = endpoint_of(&site, "acme").await;
    let scoped = site.sender.scoped(Scope::tenant("acme"));
    let number = scoped.replay(endpoint.id).await.unwrap().start().await.unwrap();
    scoped.remove(endpoint.id).await.unwrap();
    let page = site.page("acme", &format!("jobs/{number}")).await;
    assert!(page.html.contains(&format!("removed endpoint {}", endpoint.id)), "{}", page.html);
    assert!(!page.links().iter().any(|link| link.contains("endpoints/ep_")), "{}", page.html);
}
