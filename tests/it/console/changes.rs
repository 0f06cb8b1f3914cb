//! What an operator or a tenant does with the forms.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::delivery::{Attempt, DeliveryState, Settlement};
use hookwire::endpoint::{Labels, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Claim, MemoryStore, Outbox as _, Retention as _, RetentionCutoff, Rollups as _};
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};

use super::super::support::until;
use super::site::Site;
use super::watched::Watched;

#[tokio::test]
async fn a_tenant_creates_an_endpoint_and_sees_its_secret_once() {
    let site = Site::new();
    let form = site.page("acme", "endpoints/new").await.form("");
    let fields = [("url", "http://127.0.0.1:9000/hooks"), ("events", "invoice.*\norder.paid")];
    let created = site.submit("acme", &form, &fields).await;
    assert_eq!(created.status, StatusCode::OK, "{}", created.html);
    let secret = created.between("class=\"secret\" tabindex=\"0\">", "<");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let page = site.open("acme", &created.links().into_iter().find(|link| link.contains("/ep_")).unwrap()).await;
    assert!(page.html.contains("invoice.* order.paid") && !page.html.contains(&secret));

    let rotated = site.submit("acme", &page.form("/rotate"), &[]).await;
    let fresh = rotated.between("class=\"secret\" tabindex=\"0\">", "<");
    assert!(fresh.starts_with("whsec_") && fresh != secret);
    let endpoint = site.sender.endpoints().list(Some(&"acme".into()), None, 10).await.unwrap().remove(0);
    assert_eq!(endpoint.keys.entries().len(), 2, "the old key still signs");
}

#[tokio::test]
async fn a_reload_of_the_page_with_a_secret_changes_nothing() {
    let site = Site::new();
    let endpoints = async || site.sender.endpoints().list(Some(&"acme".into()), None, 10).await.unwrap();
    let form = site.page("acme", "endpoints/new").await.form("");
    let fields = [("url", "http://127.0.0.1:9000/hooks")];
    let created = site.submit("acme", &form, &fields).await;
    assert!(created.html.contains("whsec_"), "{}", created.html);
    let again = site.submit("acme", &form, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.html.contains("No other endpoint was created") && !again.html.contains("whsec_"), "{}", again.html);
    assert_eq!(endpoints().await.len(), 1);
    let next = site.page("acme", "endpoints/new").await.form("");
    assert_eq!(site.submit("acme", &next, &fields).await.status, StatusCode::OK, "another form creates another one");
    assert_eq!(endpoints().await.len(), 2);

    let page = site.open("acme", &again.links().into_iter().find(|link| link.contains("/ep_")).unwrap()).await;
    let rotate = page.form("/rotate");
    let rotated = site.submit("acme", &rotate, &[]).await;
    assert!(rotated.html.contains("whsec_"), "{}", rotated.html);
    let before = endpoints().await;
    let again = site.submit("acme", &rotate, &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.html.contains("No secret was made") && !again.html.contains("whsec_"), "{}", again.html);
    let after = endpoints().await;
    let versions = |all: &[std::sync::Arc<hookwire::endpoint::Endpoint>]| {
        all.iter().map(|one| (one.version, one.keys.entries().len())).collect::<Vec<_>>()
    };
    assert_eq!(versions(&before), versions(&after));
    let without = site.post("acme", rotate.path.trim_start_matches(super::site::ROOT), &[]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY, "a form without the version makes no secret");
}

#[tokio::test]
async fn a_form_with_an_error_keeps_what_was_entered_and_names_the_field() {
    let site = Site::new();
    let form = site.page("*", "endpoints/new").await.form("");
    for (tenant, url, events, expected) in [
        ("", "http://127.0.0.1:9000/", "", "tenant: an operator must name"),
        ("acme", "", "", "url: is empty"),
        ("acme", "not a url", "", "url: "),
        ("acme", "http://10.0.0.1/", "", "not allowed"),
        ("acme", "http://127.0.0.1:9000/", "a.*.b", "events: `a.*.b`"),
    ] {
        let answer = site.submit("*", &form, &[("tenant", tenant), ("url", url), ("events", events)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        let error = answer.between("id=\"error\">", "</p>");
        assert!(error.contains(expected), "{error}");
        assert!(answer.html.contains(&format!("name=\"url\" value=\"{url}\"")), "{}", answer.html);
    }
    assert!(site.sender.endpoints().list(None, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn settings_are_saved_unless_somebody_else_changed_them_meanwhile() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let path = format!("endpoints/{}", endpoint.id);
    let form = site.page("acme", &path).await.form("/edit");
    let saved = site.submit("acme", &form, &[("url", "http://127.0.0.1:9000/new"), ("events", "order.*")]).await;
    assert!(saved.html.contains("The changes were saved."));
    let changed = site.sender.endpoints().get(endpoint.id).await.unwrap();
    assert_eq!((changed.target.as_str(), changed.version), ("http://127.0.0.1:9000/new", 2));
    let stale = site.submit("acme", &form, &[("events", "*")]).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);

    let page = site.submit("acme", &saved.form("/disable"), &[]).await;
    assert!(page.html.contains("its owner has disabled it"), "{}", page.html);
    let page = site.submit("acme", &page.form("/enable"), &[]).await;
    assert!(page.html.contains("The endpoint is enabled."));
    let unsure = site.submit("acme", &page.form("/remove"), &[]).await;
    assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(site.submit("acme", &page.form("/remove"), &[("sure", "on")]).await.html.contains("was removed"));
    assert_eq!(site.page("acme", &path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_failed_delivery_is_explained_and_sent_again() {
    let site = Site::new();
    let server = ScriptedEndpoint::start([Behaviour::status(410), Behaviour::status(204), Behaviour::status(204)])
        .await
        .unwrap();
    let target = Target::parse(&server.url("/hooks")).unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let event =
        NewEvent::json("invoice.paid", &json!({"amount": 12_345_678_901_234_567_890_u64})).unwrap().tenant("acme");
    let receipt = site.sender.dispatch(event).await.unwrap();
    let delivery = receipt.deliveries[0];
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    let state = async || site.sender.history().delivery(delivery).await.unwrap().unwrap().state;
    until(async || state().await == DeliveryState::Failed).await;

    site.store.fold(SystemClock.now()).await.unwrap();
    for path in ["overview".into(), format!("endpoints/{}?span=day", endpoint.id)] {
        let page = site.page("acme", &path).await.html;
        assert!(
            page.contains("1 of them failed: 1 status below 500.") && page.contains("<rect class=\"bad\""),
            "{page}"
        );
    }
    assert!(site.page("acme", "endpoints").await.html.contains("0.0 % of 1"));
    assert!(site.page("other", "overview?span=month").await.html.contains("No attempt in the last 30 days."));
    let overview = site.page("acme", "overview").await;
    assert!(overview.html.contains("1</strong> failed in 24 h") && overview.html.contains("it returned 410 Gone"));
    let page = site.page("acme", &format!("deliveries/{delivery}")).await;
    for text in ["410 Gone", "Remove it, or change its URL", "12345678901234567890", "curl &#39;http://127.0.0.1"] {
        assert!(page.html.contains(text), "{text}: {}", page.html);
    }
    let endpoint_page = site.page("acme", &format!("endpoints/{}", endpoint.id)).await;
    let endpoint_page = site.submit("acme", &endpoint_page.form("/enable"), &[]).await;
    let resent = site.submit("acme", &page.form("/resend"), &[]).await;
    assert!(resent.html.contains("The delivery is sent again."), "{}", resent.html);
    until(async || state().await == DeliveryState::Delivered).await;

    let tested = site.submit("acme", &endpoint_page.form("/test"), &[]).await;
    assert!(tested.html.contains("hookwire.test") && tested.html.contains("204 No Content"), "{}", tested.html);
    drop(stop);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_replay_counts_first_and_starts_a_job_when_told_to() {
    let site = Site::new();
    for number in 0..3 {
        let event = NewEvent::json("invoice.paid", &number).unwrap().tenant("acme");
        site.sender.dispatch(event).await.unwrap();
    }
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let path = format!("endpoints/{}/replay", endpoint.id);
    let pending = async || site.sender.history().counts(Some(endpoint.id.into())).await.unwrap().pending;
    let form = site.page("acme", &path).await.form("/replay");
    let counted = site.submit("acme", &form, &[("types", "invoice.*")]).await;
    assert!(counted.html.contains("<strong>3 events</strong> would be sent."), "{}", counted.html);
    assert_eq!(pending().await, 0, "nothing is sent before the second form");
    let send = counted.forms().into_iter().find(|form| form.fields.contains(&("step".into(), "send".into()))).unwrap();
    let started = site.submit("acme", &send, &[]).await;
    assert!(started.html.contains("The job has started."), "{}", started.html);
    assert!(started.html.contains("0 deliveries made, 0 looked at, running since"), "{}", started.html);
    assert!(started.html.contains("No worker is alive."), "{}", started.html);
    assert_eq!(pending().await, 0, "a worker makes the deliveries");
    let slow = site.submit("acme", &form, &[("limit", "2"), ("pace", "7"), ("per", "minute")]).await;
    assert!(slow.html.contains("<strong>2 events</strong> would be sent."), "{}", slow.html);
    let send = slow.forms().into_iter().find(|form| form.fields.contains(&("step".into(), "send".into()))).unwrap();
    assert!(site.submit("acme", &send, &[]).await.html.contains("7 in 60s, at most 2</dd>"), "the limits are kept");
    let wrong = site.submit("acme", &form, &[("limit", "0"), ("pace", "fast")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    for field in ["limit", "pace"] {
        assert!(
            wrong.html.contains(&format!("id=\"wrong-{field}\">{field}: must be a whole number")),
            "{}",
            wrong.html
        );
    }
    let wrong = site.submit("acme", &form, &[("from", "yesterday")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.html.contains("id=\"wrong-from\">from: must be an RFC 3339 time"), "{}", wrong.html);
    assert!(wrong.html.contains("name=\"from\" value=\"yesterday\""), "the form keeps it: {}", wrong.html);
}

#[tokio::test]
async fn a_form_that_replays_reads_its_endpoint_once() {
    let store = MemoryStore::new();
    let watched = Watched::over(store.clone());
    let site = Site::behind(store, watched.clone(), |console| console);
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let form = site.page("acme", &format!("endpoints/{}/replay", endpoint.id)).await.form("/replay");
    for (step, status) in [("count", StatusCode::OK), ("send", StatusCode::SEE_OTHER)] {
        watched.reads();
        let path = form.path.trim_start_matches(super::site::ROOT);
        assert_eq!(site.post("acme", path, &[("step", step)]).await.status, status);
        assert_eq!(watched.reads(), 1, "{step}");
    }
}

#[tokio::test]
async fn failures_are_grouped_and_their_deliveries_are_sent_again_together() {
    let site = Site::new();
    let answer = |number: u32| format!("HTTP/1.1 400 x\r\ncontent-length: 14\r\n\r\nno customer {number:02}");
    let script: Vec<_> = (1..=5).map(|number| Behaviour::answer(answer(number))).collect();
    let server = ScriptedEndpoint::start(script).await.unwrap();
    let new = NewEndpoint::at(Target::parse(&server.url("/hooks")).unwrap()).tenant("acme").retry("strict");
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    for number in 0..5 {
        site.sender.dispatch(NewEvent::json("invoice.paid", &number).unwrap().tenant("acme")).await.unwrap();
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    let counts = async || site.sender.history().counts(Some(endpoint.id.into())).await.unwrap();
    until(async || counts().await.failed == 5).await;
    drop(stop);
    worker.await.unwrap().unwrap();

    while site.store.fold(SystemClock.now()).await.unwrap() {}
    let page = site.page("acme", "failures").await;
    assert!(page.html.contains("5 × 400 Bad Request"), "one group: {}", page.html);
    assert!(page.html.contains("no customer 0"), "with a sample");
    let replay = page.links().into_iter().find(|link| link.contains("/replay?")).unwrap();
    let form = site.open("acme", &replay).await.form("/replay");
    assert!(site.submit("acme", &form, &[]).await.html.contains("<strong>5 events</strong> would be sent."));
    let hour = site.page("acme", "failures?hours=1").await;
    assert!(hour.html.contains("5 × 400 Bad Request"));
    let filter = site.page("*", "failures?hours=168").await;
    assert!(filter.html.contains("name=\"hours\" value=\"168\""), "the filter keeps the span: {}", filter.html);
    assert!(site.page("*", "failures?tenant=acme").await.html.contains("5 × 400 Bad Request"));
    for (who, path) in [("other", "failures"), ("*", "failures?tenant=other")] {
        assert!(site.page(who, path).await.html.contains("No failure was counted in this time."), "{who}");
    }

    let list = site.page("acme", "deliveries?state=failed").await;
    let form = list.form("/deliveries/resend");
    assert_eq!(site.submit("acme", &form, &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY, "none is chosen");
    let names: Vec<_> = list.html.split("name=\"dlv_").skip(1).map(|rest| format!("dlv_{}", &rest[..32])).collect();
    let chosen: Vec<_> = names.iter().take(3).map(|name| (&**name, "on")).collect();
    let answer = site.submit("acme", &form, &chosen).await;
    assert!(answer.html.contains("3 deliveries are sent again."), "{}", answer.html);
    assert_eq!((counts().await.pending, counts().await.failed), (3, 2));
    // Pending ones are sent at once; one that is unknown or of another tenant changes nothing for the others.
    let mut with_unknown = chosen.clone();
    let unknown = format!("{}0000", &names[0][..32]);
    with_unknown.insert(1, (&unknown, "on"));
    let again = site.submit("acme", &form, &with_unknown).await;
    assert!(again.html.contains("3 deliveries are sent again."), "{}", again.html);
    assert!(again.html.contains("These do not exist any more") && again.html.contains(&unknown), "{}", again.html);
    let cancel = list.form("/deliveries/cancel");
    assert!(site.submit("acme", &cancel, &chosen[..1]).await.html.contains("1 delivery is cancelled."));
}

#[tokio::test]
async fn a_group_of_failures_outlives_its_deliveries() {
    let site = Site::new();
    let server = ScriptedEndpoint::start(vec![Behaviour::answer("HTTP/1.1 400 x\r\ncontent-length: 4\r\n\r\ngone")]);
    let server = server.await.unwrap();
    let new = NewEndpoint::at(Target::parse(&server.url("/hooks")).unwrap()).tenant("acme").retry("strict");
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    site.sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant("acme")).await.unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    let failed = async || site.sender.history().counts(Some(endpoint.id.into())).await.unwrap().failed;
    until(async || failed().await == 1).await;
    drop(stop);
    worker.await.unwrap().unwrap();
    while site.store.fold(SystemClock.now()).await.unwrap() {}
    let page = site.page("acme", "failures").await;
    assert!(page.html.contains("<pre tabindex=\"0\">gone</pre>") && page.html.contains("The last of them"));

    let later = SystemClock.now() + Duration::from_secs(60);
    let cutoff = RetentionCutoff::before(later);
    assert_eq!(site.store.prune(Work::Sent, cutoff, 9).await.unwrap(), 1);
    let page = site.page("acme", "failures").await;
    assert!(page.html.contains("1 × 400 Bad Request"), "{}", page.html);
    assert!(!page.html.contains(">gone<") && !page.html.contains("The last of them"), "{}", page.html);
}

#[tokio::test]
async fn endpoints_are_found_by_health_host_label_and_event_type() {
    let site = Site::new();
    let all = [("one.example", "gold", "invoice.*"), ("two.example", "free", "order.paid")];
    let mut ids = Vec::new();
    for (host, plan, events) in all {
        let labels = Labels::new().with("plan", plan).unwrap();
        let target = Target::parse(&format!("http://127.0.0.1:9000/{host}?token=hidden")).unwrap();
        let new = NewEndpoint::at(target).tenant("acme").labels(labels).events([events]).unwrap();
        ids.push(site.sender.endpoints().create(new).await.unwrap().id.to_string());
    }
    let form = site.page("acme", &format!("endpoints/{}", ids[1])).await.form("/disable");
    site.submit("acme", &form, &[]).await;
    let found = async |query: &str| {
        let page = site.page("acme", &format!("endpoints?{query}")).await;
        ids.iter().map(|id| page.html.contains(&**id)).collect::<Vec<_>>()
    };
    assert_eq!(found("").await, [true, true]);
    assert_eq!(found("text=plan%3Dgold").await, [true, false]);
    assert_eq!(found("text=ORDER.paid").await, [false, true]);
    assert_eq!(found("text=127.0.0.1").await, [true, true]);
    assert_eq!(found("text=hidden").await, [false, false], "the query of a URL may be a credential");
    assert_eq!(found("show=enabled").await, [true, false]);
    assert_eq!(found("show=disabled").await, [false, true]);
    assert_eq!(found("show=attention&text=plan").await, [false, true]);
}

#[tokio::test]
async fn what_waits_for_its_next_attempt_is_sent_now_after_a_repair() {
    let site = Site::new();
    let script = [Behaviour::status(500), Behaviour::status(500), Behaviour::status(204), Behaviour::status(204)];
    let server = ScriptedEndpoint::start(script).await.unwrap();
    let new = NewEndpoint::at(Target::parse(&server.url("/hooks")).unwrap()).tenant("acme");
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    let mut deliveries = Vec::new();
    for number in 0..2 {
        let event = NewEvent::json("invoice.paid", &number).unwrap().tenant("acme");
        deliveries.extend(site.sender.dispatch(event).await.unwrap().deliveries);
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(site.sender.worker().run_until(stopped));
    let read = async |id| site.sender.history().delivery(id).await.unwrap().unwrap();
    until(async || read(deliveries[0]).await.attempts == 1 && read(deliveries[1]).await.attempts == 1).await;
    let page = site.page("acme", &format!("endpoints/{}", endpoint.id)).await;
    let hurried = site.submit("acme", &page.form("/send"), &[]).await;
    assert!(hurried.html.contains("are due now"), "{}", hurried.html);
    for id in &deliveries {
        until(async || read(*id).await.state == DeliveryState::Delivered).await;
    }
    let one = site.page("acme", &format!("deliveries/{}", deliveries[0])).await;
    assert!(one.html.contains("It was sent again: the attempts are counted anew."), "{}", one.html);
    drop(stop);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_delivery_whose_attempt_is_running_says_so() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap().id;
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("acme");
    let delivery = site.sender.dispatch(event).await.unwrap().deliveries[0];
    let paths = ["deliveries".into(), format!("endpoints/{endpoint}"), format!("deliveries/{delivery}")];
    let says = async |words: &str| {
        let mut found = Vec::new();
        for path in &paths {
            found.push(site.page("acme", path).await.html.to_lowercase().contains(words));
        }
        found
    };
    assert_eq!(says("attempt running").await, [false; 3], "it waits");
    let now = SystemClock.now();
    let claim = Claim { lanes: vec![(endpoint.into(), 1)], now, until: now + Duration::from_secs(60) };
    let leased = site.store.claim(claim).await.unwrap().leased.remove(0);
    assert_eq!(says("attempt running").await, [true; 3], "it is leased");
    assert_eq!(says("next attempt").await, [false; 3]);
    let attempt = Attempt::new(1, now, Duration::ZERO, Outcome::Status(500));
    let next = Decision::Retry { at: now + Duration::from_secs(90), paused_until: None };
    site.store.settle(vec![Settlement::of(&leased, next, now).with_attempt(attempt)]).await.unwrap();
    assert_eq!(says("attempt running").await, [false; 3], "it waits for the next attempt");
}

#[tokio::test]
async fn no_button_is_shown_that_cannot_work() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let event = NewEvent::json("invoice.paid", &1).unwrap().tenant("acme");
    let delivery = site.sender.dispatch(event).await.unwrap().deliveries[0];
    let buttons = async || {
        let page = site.page("acme", &format!("deliveries/{delivery}")).await;
        let forms = page.forms().into_iter().filter(|form| form.method == "post");
        forms.map(|form| form.path.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(buttons().await, ["send", "cancel"], "pending");
    let path = format!("endpoints/{}", endpoint.id);
    let form = site.page("acme", &path).await.form("/disable");
    let page = site.submit("acme", &form, &[]).await;
    assert_eq!(buttons().await, ["cancel"], "held, because the endpoint is disabled");
    assert!(!page.html.contains("/test\""), "a disabled endpoint cannot be tested");
    site.submit("acme", &page.form("/remove"), &[("sure", "on")]).await;
    assert_eq!(buttons().await, [""; 0], "the endpoint is removed");
    let list = site.page("acme", "deliveries").await;
    assert!(list.html.contains("removed endpoint") && !list.html.contains(&endpoint.id.to_string()));
}

#[tokio::test]
async fn a_field_that_is_absent_changes_nothing_and_a_day_is_a_time() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let new = NewEndpoint::at(target).tenant("acme").events(["order.*"]).unwrap();
    let endpoint = site.sender.endpoints().create(new).await.unwrap();
    site.post("acme", &format!("endpoints/{}/edit", endpoint.id), &[("url", "http://127.0.0.1:9000/new")]).await;
    let changed = site.sender.endpoints().get(endpoint.id).await.unwrap();
    assert_eq!((changed.filter.clone(), changed.version), (endpoint.filter.clone(), 2));
    assert_eq!(site.page("acme", "deliveries?from=2026-01-31").await.status, StatusCode::OK);
    assert_eq!(site.page("acme", "deliveries?state=FAILED").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = site.page("acme", "deliveries?from=soon").await;
    assert!(wrong.html.contains("from: must be an RFC 3339 time") && !wrong.html.contains("from: from:"));
}
