//! The pages of the inbox: for operators only.

use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::{Clock as _, SystemClock};
use hookwire::console::Console;
use hookwire::provider::STANDARD;
use hookwire::receiver::inbox::{Inbox, Job, JobError, Queue};
use hookwire::receiver::{Receiver, Source};
use hookwire::retry::{Policy, Schedule};
use hookwire::secret::Keyring;
use hookwire::signature::Signing;
use hookwire::store::{MemoryDedup, MemoryStore, Rollups as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::ServiceExt as _;

use super::super::support::until;
use super::site::Site;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The queue rejects events whose payload names an unknown customer.
fn inbox(store: &MemoryStore) -> Inbox {
    let handle = async |job: Job| match job.json::<serde_json::Value>() {
        Ok(body) if body["customer"] == "known" => Ok(()),
        _ => Err(JobError::retry("<b>the customer is unknown</b>")),
    };
    let soon = Policy::new([Duration::from_millis(5)].into_iter().collect::<Schedule>());
    Inbox::builder(store.clone()).queue(Queue::new("orders", handle).retry(soon)).build().unwrap()
}

async fn receive(inbox: &Inbox, id: &str, customer: &str) {
    let body = Bytes::from(format!(r#"{{"type":"order.paid","customer":"{customer}"}}"#));
    let mut request = Request::post("/in").body(Full::new(body.clone())).unwrap();
    let signing = Signing { id, timestamp: SystemClock.now(), body: &body };
    STANDARD.sign(&signing, &Keyring::new(STANDARD.key(SECRET).unwrap()), request.headers_mut()).unwrap();
    let source = Source::standard(SECRET).unwrap().tenant("acme");
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    assert_eq!(receiver.store("standard", inbox).unwrap().oneshot(request).await.unwrap().status(), 202);
}

#[tokio::test]
async fn an_operator_sees_why_a_job_failed_and_has_it_handled_again() {
    let store = MemoryStore::new();
    let inbox = inbox(&store);
    let site = Site::over(store.clone(), |console: Console| console.inbox(inbox.clone()));
    receive(&inbox, "msg_1", "stranger").await;
    receive(&inbox, "msg_2", "known").await;
    let waiting = site.page("*", "inbox?state=pending").await;
    assert!(waiting.html.contains("Jobs are due and no worker is alive."), "{}", waiting.html);
    assert!(waiting.html.contains("<code>orders</code>") && waiting.html.contains("class=\"number\">2<"));

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(inbox.worker().run_until(stopped));
    let failed = async || inbox.history().counts(None).await.unwrap().failed;
    until(async || failed().await == 1).await;
    until(async || inbox.history().counts(None).await.unwrap().delivered == 1).await;
    store.fold(SystemClock.now()).await.unwrap();
    let page = site.page("*", "inbox").await;
    assert!(page.html.contains("&lt;b&gt;the customer is unknown&lt;/b&gt;"), "{}", page.html);
    assert!(page.html.contains("3 attempts in the last hour, 2 of them failed"), "{}", page.html);
    for number in ["<dt>Processed</dt><dd>1</dd>", "<dt>Failed attempts</dt><dd>2</dd>"] {
        assert!(page.html.contains(number), "{number}: {}", page.html);
    }
    assert!(page.html.contains("2 of them failed: 2 failed in the handler or on this side."), "{}", page.html);
    assert!(!page.html.contains("<dt>Delivered</dt>"), "a word of sending");
    let link = page.links().into_iter().find(|link| link.contains("/inbox/dlv_")).unwrap();
    let job = site.open("*", &link).await;
    for text in ["msg_1", "stranger", "the customer is unknown", "standard"] {
        assert!(job.html.contains(text), "{text}: {}", job.html);
    }
    let again = site.submit("*", &job.form("/again"), &[]).await;
    assert!(again.html.contains("What was chosen is handled again."), "{}", again.html);
    until(async || failed().await == 1 && inbox.history().counts(None).await.unwrap().pending == 0).await;
    let id = link.rsplit('/').next().unwrap();
    let chosen = site.submit("*", &page.form("/again"), &[(id, "on")]).await;
    assert_eq!(chosen.status, StatusCode::OK, "{}", chosen.html);
    assert!(chosen.html.contains("What was chosen is handled again."), "{}", chosen.html);
    drop(stop);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_an_operator_sees_the_inbox_and_only_if_it_is_set() {
    let store = MemoryStore::new();
    let inbox = inbox(&store);
    let site = Site::over(store.clone(), |console: Console| console.inbox(inbox.clone()));
    receive(&inbox, "msg_1", "secret-customer").await;
    let job = site.page("*", "inbox?state=pending").await;
    let path = job.links().into_iter().find(|link| link.contains("/inbox/dlv_")).unwrap();
    let form = site.open("*", &path).await.form("/cancel");
    for who in ["acme", "acme:read-only", "other"] {
        assert!(!site.page(who, "overview").await.html.contains(">Inbox<"), "{who}");
        assert_eq!(site.page(who, "inbox").await.status, StatusCode::NOT_FOUND, "{who}");
        assert_eq!(site.open(who, &path).await.status, StatusCode::NOT_FOUND, "{who}");
        assert!(!site.submit(who, &form, &[]).await.status.is_success(), "{who}");
    }
    let reader = site.open("*:read-only", &path).await;
    assert!(reader.html.contains("secret-customer") && !reader.html.contains("<form method=\"post\""));
    assert_eq!(site.submit("*:read-only", &form, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(inbox.history().counts(None).await.unwrap().pending, 1, "nobody has cancelled it");
    assert!(site.submit("*", &form, &[]).await.html.contains("It was cancelled."));
    let without = Site::over(store, |console| console);
    assert!(!without.page("*", "overview").await.html.contains(">Inbox<"));
    assert_eq!(without.page("*", "inbox").await.status, StatusCode::NOT_FOUND);
}

/// Sends a request whose signature was made with another secret.
async fn receive_badly(inbox: &Inbox, user_agent: &str) -> StatusCode {
    let body = Bytes::from_static(b"{}");
    let request = Request::post("/in").header("user-agent", user_agent).header("x-token", "my-secret-token");
    let mut request = request.body(Full::new(body.clone())).unwrap();
    let signing = Signing { id: "msg_9", timestamp: SystemClock.now(), body: &body };
    let other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    STANDARD.sign(&signing, &Keyring::new(STANDARD.key(other).unwrap()), request.headers_mut()).unwrap();
    let source = Source::standard(SECRET).unwrap().tenant("acme");
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    receiver.store("standard", inbox).unwrap().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn an_operator_sees_why_requests_were_rejected() {
    let store = MemoryStore::new();
    let inbox = inbox(&store);
    let site = Site::over(store.clone(), |console: Console| console.inbox(inbox.clone()));
    assert!(site.page("*", "inbox").await.html.contains("<p class=\"empty\">None.</p>"));
    for _ in 0..3 {
        assert_eq!(receive_badly(&inbox, "<i>agent</i>").await, StatusCode::UNAUTHORIZED);
    }
    let rejected = inbox.rejected(9).await.unwrap();
    assert_eq!(rejected.len(), 1, "one in half a minute: {rejected:?}");
    assert_eq!((&*rejected[0].source, rejected[0].status), ("standard", 401));
    assert!(rejected[0].headers.contains(&("x-token".into(), None)), "{rejected:?}");

    let page = site.page("*", "inbox").await;
    assert!(
        page.html.contains("user-agent: &lt;i&gt;agent&lt;/i&gt;") && page.html.contains("<code>standard</code>"),
        "{}",
        page.html
    );
    assert!(!page.html.contains("my-secret-token") && !page.html.contains("<i>agent"), "{}", page.html);
    // Another process, which has no receiver, reads the same.
    let elsewhere = self::inbox(&store);
    assert_eq!(elsewhere.rejected(9).await.unwrap(), rejected);
}

#[tokio::test]
async fn a_source_stays_in_the_list_however_often_others_are_rejected() {
    use hookwire::store::Diagnostics as _;
    let store = MemoryStore::new();
    receive_badly(&inbox(&store), "first").await;
    // Each process notes what it rejects. The second source is rejected by many of them.
    let source = Source::github("a secret of some length").unwrap().tenant("acme");
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    for _ in 0..120 {
        let request = Request::post("/in").body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let service = receiver.store("github", &inbox(&store)).unwrap();
        assert_eq!(service.oneshot(request).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let rejected = inbox(&store).rejected(1_000).await.unwrap();
    let of = |source: &str| rejected.iter().filter(|rejected| &*rejected.source == source).count();
    assert_eq!((of("standard"), of("github")), (1, 50));
    assert_eq!(inbox(&store).rejected(10).await.unwrap().len(), 10);
    assert!(store.notes("refused").await.unwrap().len() <= 2, "the list is written only when a source is new");
}
