//! A malformed filter comes back in its form, with a message beside the field.

use http::StatusCode;

use hookwire::event::NewEvent;

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
        ("events?tenant=acme&from=soon", "from", "soon"),
        ("events?tenant=acme&to=later", "to", "later"),
        ("types?type=a..b&tenant=acme", "type", "a..b"),
        ("types?type=invoice.paid", "tenant", ""),
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
async fn a_malformed_filter_shows_nothing_instead_of_everything() {
    let site = Site::new();
    site.sender.dispatch(NewEvent::json("invoice.paid", &1).unwrap().tenant("acme")).await.unwrap();
    assert!(site.page("acme", "events").await.html.contains("invoice.paid</a>"));
    let page = site.page("acme", "events?from=soon").await;
    assert!(!page.html.contains("invoice.paid</a>") && page.html.contains("nothing was searched"), "{}", page.html);
    assert!(!page.html.contains("No event matches"), "{}", page.html);
}
