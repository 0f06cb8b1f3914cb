//! A malformed filter comes back in its form, with a message beside the field.

use std::time::Duration;

use http::StatusCode;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::delivery::{Attempt, Settlement};
use hookwire::endpoint::{Labels, NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::Outcome;
use hookwire::retry::Decision;
use hookwire::store::{Claim, Outbox as _};

use super::site::Site;

#[tokio::test]
async fn a_malformed_filter_comes_back_with_a_message_beside_its_field() {
    let site = Site::new();
    let long = "t".repeat(2_000);
    let cases = [
        ("deliveries?state=failed&type=invoice.paid&from=soon", "from", "soon"),
        ("deliveries?to=2026-13-01", "to", "2026-13-01"),
        ("deliveries?type=a..b&from=2026-01-31", "type", "a..b"),
        ("deliveries?endpoint=ep_1", "endpoint", "ep_1"),
        ("deliveries?outcome=late&label=plan%3Dpro", "outcome", "late"),
        ("deliveries?outcome=5xx&label=plan", "label", "plan"),
        ("deliveries?attempted_from=soon", "attempted_from", "soon"),
        ("deliveries?attempted_to=later", "attempted_to", "later"),
        ("events?tenant=acme&from=soon", "from", "soon"),
        ("events?tenant=acme&to=later", "to", "later"),
        ("types?type=a..b&tenant=acme", "type", "a..b"),
        ("types?type=invoice.paid", "tenant", ""),
        (&format!("deliveries?label={long}"), "label", &long),
        (&format!("deliveries?label={long}%3Dx"), "label", &format!("{long}=x")),
        (&format!("deliveries?tenant={long}"), "tenant", &long),
        (&format!("events?tenant={long}"), "tenant", &long),
        (&format!("endpoints?tenant={long}"), "tenant", &long),
        (&format!("audit?tenant={long}"), "tenant", &long),
    ];
    for (path, field, value) in cases {
        let page = site.page("*", path).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(page.html.contains(&format!("name=\"{field}\" value=\"{value}\"")), "{path} keeps it: {}", page.html);
        let mark = format!("aria-invalid=\"true\" aria-describedby=\"wrong-{field}\"");
        assert!(page.html.contains(&mark), "{path}: {}", page.html);
        assert_eq!(page.html.matches("aria-invalid").count(), 1, "{path}: only this field is marked");
        let text = page.between(&format!("id=\"wrong-{field}\">"), "<");
        assert!(text.starts_with(&format!("{field}: ")), "{path}: {text}");
    }
    let kept = site.page("*", "deliveries?state=failed&type=invoice.paid&from=soon").await;
    assert!(kept.html.contains("name=\"type\" value=\"invoice.paid\""), "the other fields stay: {}", kept.html);
}

#[tokio::test]
async fn deliveries_are_filtered_by_their_last_attempt_and_by_label() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let labels = Labels::new().with("plan", "pro & more").unwrap();
    let new = NewEndpoint::at(target).tenant("acme").labels(labels);
    let endpoint = site.sender.endpoints().create(new).await.unwrap().id;
    let event = |name: &str| NewEvent::json(name, &1).unwrap().tenant("acme");
    site.sender.dispatch(event("tried.once")).await.unwrap();
    let now = SystemClock.now();
    let claim = Claim { lanes: vec![(endpoint.into(), 9)], now, until: now + Duration::from_secs(60) };
    let leased = site.store.claim(claim).await.unwrap().leased.remove(0);
    let attempt = Attempt::new(1, now, Duration::ZERO, Outcome::Status(503));
    let next = Decision::retry(now + Duration::from_secs(3_600));
    site.store.settle(vec![Settlement::of(&leased, next, now).with_attempt(attempt)]).await.unwrap();
    site.sender.dispatch(event("never.tried")).await.unwrap();
    for (filter, shown) in [
        ("", [true, true]),
        ("outcome=5xx", [true, false]),
        ("outcome=503&state=pending", [true, false]),
        ("outcome=timeout", [false, false]),
        ("label=plan%3Dpro%20%26%20more", [true, true]),
        ("label=plan%3Dfree", [false, false]),
        ("attempted_from=2020-01-01", [true, false]),
        ("attempted_to=2020-01-01", [false, false]),
    ] {
        let page = site.page("acme", &format!("deliveries?{filter}")).await;
        let found = ["tried.once</a>", "never.tried</a>"].map(|name| page.html.contains(name));
        assert_eq!(found, shown, "{filter}: {}", page.html);
    }
    let page = site.page("acme", "deliveries?outcome=503&label=plan%3Dpro%20%26%20more").await;
    let chip = page.links().into_iter().find(|link| link.contains("state=pending")).unwrap();
    assert!(chip.contains("outcome=503") && chip.contains("label=plan%3Dpro%20%26%20more"), "{chip}");
    assert!(site.open("acme", &chip).await.html.contains("tried.once</a>"));
}

#[tokio::test]
async fn a_malformed_filter_shows_nothing_instead_of_everything() {
    let site = Site::new();
    site.sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant("acme")).await.unwrap();
    assert!(site.page("acme", "events").await.html.contains("invoice.paid</a>"));
    let page = site.page("acme", "events?from=soon").await;
    assert!(!page.html.contains("invoice.paid</a>") && page.html.contains("nothing was searched"), "{}", page.html);
    assert!(!page.html.contains("No event matches"), "{}", page.html);
}
