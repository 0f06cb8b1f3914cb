//! A tenant pastes the request that its server rejects, and reads why.

use http::StatusCode;

use hookwire::clock::Timestamp;
use hookwire::endpoint::{Endpoint, NewEndpoint, Target};
use hookwire::secret::Keyring;
use hookwire::sender::Endpoints;
use hookwire::signature::STANDARD;
use hookwire::testing::signed_request;

use super::site::{Page, Site};

async fn endpoint(site: &Site, tenant: &str) -> Endpoint {
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant(tenant)).await.unwrap()
}

/// A request that was signed for this endpoint a year ago, with another body if one is given.
fn pasted(endpoint: &Endpoint, body: &str, as_arrived: &str) -> String {
    let keys = Keyring::new(endpoint.keys.entries()[0].key.clone());
    let signed =
        signed_request(&STANDARD, &keys, "/hooks", body.to_owned(), Timestamp::from_secs(1_700_000_000)).unwrap();
    let header =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| format!("{name}: {}\r\n", value.to_str().unwrap());
    let headers: String = signed.headers().iter().map(header).collect();
    format!("POST /hooks HTTP/1.1\r\n{headers}\r\n{as_arrived}")
}

async fn ask(site: &Site, who: super::site::Who, endpoint: &Endpoint, request: &str) -> Page {
    let form = site.page("*", &format!("endpoints/{}/diagnose", endpoint.id)).await.form("/diagnose");
    site.submit(who, &form, &[("request", request)]).await
}

#[tokio::test]
async fn the_cause_of_a_refused_signature_is_named_and_no_secret_is_shown() {
    let site = Site::new();
    let (own, other) = (endpoint(&site, "acme").await, endpoint(&site, "acme").await);
    let body = r#"{"type":"invoice.paid","data":{"amount":1.50}}"#;
    let cases = [
        (pasted(&own, body, body), "The signature fits this request."),
        (pasted(&own, body, &format!("{body}\n")), "line break"),
        (pasted(&own, body, r#"{"data":{"amount":1.50},"type":"invoice.paid"}"#), "order"),
        (pasted(&own, body, ""), "empty"),
        (pasted(&other, body, body), &*other.id.to_string()),
    ];
    for (request, expected) in cases {
        let page = ask(&site, "acme", &own, &request).await;
        let found = page.between("role=\"status\">", "</p>");
        assert!(found.contains(expected), "{expected}: {found}");
        for endpoint in [&own, &other] {
            assert!(!page.html.contains(&**Endpoints::secret(endpoint)), "a secret is shown");
        }
    }
}

#[tokio::test]
async fn nobody_else_can_ask_with_the_keys_of_an_endpoint() {
    let site = Site::new();
    let own = endpoint(&site, "acme").await;
    let request = pasted(&own, "{}", "{}");
    assert_eq!(ask(&site, "globex", &own, &request).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&site, "acme:read-only", &own, &request).await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask(&site, "", &own, &request).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&site, "*", &own, &request).await.status, StatusCode::OK);
    // Keys of another tenant are not tried.
    let foreign = endpoint(&site, "globex").await;
    let page = ask(&site, "acme", &own, &pasted(&foreign, "{}", "{}")).await;
    assert!(!page.html.contains(&foreign.id.to_string()), "{}", page.html);
}

#[tokio::test]
async fn a_text_that_is_not_a_request_is_shown_again_with_the_error() {
    let site = Site::new();
    let own = endpoint(&site, "acme").await;
    for (request, error) in
        [("<script>alert(1)</script>", "empty line"), ("a b\r\n\r\n{}", "line 1"), ("\u{202e}: x\n\n", "line 1")]
    {
        let page = ask(&site, "acme", &own, request).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.between("id=\"error\">", "</p>").contains(error), "{}", page.html);
        assert!(!page.html.contains("<script>alert"));
    }
    // As much as a form may have, and nothing in it fits.
    let long =
        format!("webhook-id: a\nwebhook-timestamp: 1\nwebhook-signature: v1,AAAA\n\n{}", "[{\"a\":1},".repeat(20_000));
    assert_eq!(ask(&site, "acme", &own, &long).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_pasted_request_comes_back_unchanged_with_characters_that_cannot_be_seen() {
    let site = Site::new();
    let own = endpoint(&site, "acme").await;
    let body = "{\"m\":\"\u{1f469}\u{200d}\u{1f4bb} <&> \u{ad}\"}";
    let page = ask(&site, "acme", &own, &pasted(&own, body, body)).await;
    assert!(page.html.contains("The signature fits this request."), "{}", page.html);
    let back = page.between("aria-label", "</textarea>");
    let back = back.rsplit(">\n").next().unwrap();
    let marks = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let back = marks.iter().fold(back.to_owned(), |text, (mark, c)| text.replace(mark, c));
    assert!(back.ends_with(body), "{back}");
    assert!(ask(&site, "acme", &own, &back).await.html.contains("The signature fits this request."));
}
