//! The audit log, and the form that expunges an event.

use http::StatusCode;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::sender::Scope;

use super::site::Site;

#[tokio::test]
async fn the_log_shows_who_changed_what_and_where_from() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let code = site.sender.scoped(Scope::tenant("acme").named("<b>ann</b>"));
    let endpoint = code.create(NewEndpoint::at(target)).await.unwrap().id;
    let page = site.page("*", &format!("endpoints/{endpoint}")).await;
    site.submit("*", &page.form("/disable"), &[]).await;

    let log = site.page("*", "audit").await;
    assert_eq!(log.status, StatusCode::OK);
    assert!(log.html.contains("&lt;b&gt;ann&lt;/b&gt;") && !log.html.contains("<b>ann"), "{}", log.html);
    for text in ["the application", "Create an endpoint", "this console", "Change an endpoint: disabled", "an operator"]
    {
        assert!(log.html.contains(text), "{text}: {}", log.html);
    }
    let of_endpoint = page.links().into_iter().find(|link| link.contains("audit?object=")).unwrap();
    assert!(site.open("*", &of_endpoint).await.html.contains("Create an endpoint"));
    assert!(site.page("acme", "audit").await.html.contains("Change an endpoint: disabled"));
    let theirs = site.page("other", &format!("audit?object={endpoint}&tenant=acme")).await.html;
    assert!(theirs.contains("No change is recorded."), "{theirs}");
}

#[tokio::test]
async fn an_event_is_expunged_only_if_the_box_is_checked() {
    let site = Site::new();
    let event = NewEvent::json("invoice.paid", &"Ada Lovelace").unwrap().tenant("acme");
    let id = site.sender.dispatch(event).await.unwrap().event;
    let page = site.page("*", &format!("events/{id}?tenant=acme")).await;
    assert!(page.html.contains("Ada Lovelace"));
    let form = page.form("/expunge");
    let refused = site.submit("*", &form, &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(site.submit("other", &form, &[("sure", "on")]).await.status, StatusCode::NOT_FOUND);
    let done = site.submit("*", &form, &[("sure", "on")]).await;
    assert!(done.html.contains("The event was expunged.") && !done.html.contains("Ada Lovelace"), "{}", done.html);
    assert!(site.page("acme", "audit").await.html.contains("Expunge an event"));
    assert!(!site.page("acme:read-only", &format!("events/{id}")).await.html.contains("/expunge"));
}
