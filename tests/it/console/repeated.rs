//! The form for a new endpoint, sent more than once, and with values that the page did not write.

use http::StatusCode;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::id::EndpointId;

use super::site::{Page, Site, Who};

const FIELDS: [(&str, &str); 1] = [("url", "http://127.0.0.1:9000/hooks")];

async fn endpoints(site: &Site, tenant: &str) -> Vec<EndpointId> {
    let found = site.sender.endpoints().list(Some(&tenant.into()), None, 10).await.unwrap();
    found.into_iter().map(|endpoint| endpoint.id).collect()
}

fn leads_to_a_new_form(page: &Page) -> bool {
    page.links().iter().any(|link| link.ends_with("/endpoints/new"))
}

/// Sends the form with this nonce.
async fn create(site: &Site, who: Who, nonce: &str) -> Page {
    let form = site.page(who, "endpoints/new").await.form("");
    site.submit(who, &form, &[FIELDS[0], ("nonce", nonce)]).await
}

#[tokio::test]
async fn a_form_that_is_sent_again_creates_no_other_endpoint_also_after_the_first_was_removed() {
    let site = Site::new();
    let form = site.page("acme", "endpoints/new").await.form("");
    assert_eq!(site.submit("acme", &form, &FIELDS).await.status, StatusCode::OK);
    let created = endpoints(&site, "acme").await;
    assert_eq!(created.len(), 1);
    let again = site.submit("acme", &form, &FIELDS).await;
    assert_eq!((again.status, endpoints(&site, "acme").await), (StatusCode::CONFLICT, created.clone()));
    assert!(again.html.contains("No other endpoint was created") && leads_to_a_new_form(&again), "{}", again.html);
    assert!(again.html.contains("Reload the page of the endpoint first"), "{}", again.html);

    site.sender.endpoints().remove(created[0]).await.unwrap();
    let after = site.submit("acme", &form, &FIELDS).await;
    assert_eq!(after.status, StatusCode::CONFLICT, "{}", after.html);
    assert!(after.html.contains("This form was sent before, and its endpoint was removed."), "{}", after.html);
    assert!(after.html.contains("Open a new form.") && leads_to_a_new_form(&after), "{}", after.html);
    assert_eq!(endpoints(&site, "acme").await, []);
}

#[tokio::test]
async fn a_form_cannot_choose_or_find_the_id_of_an_endpoint() {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let known = site.sender.endpoints().create(NewEndpoint::at(target.clone()).tenant("acme")).await.unwrap().id;
    let removed = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap().id;
    site.sender.endpoints().remove(removed).await.unwrap();
    let nil = EndpointId::from_bytes([0; 16]);
    let last = EndpointId::from_bytes([0xff; 16]);
    for nonce in [known, removed, nil, last].map(|id| id.to_string()) {
        let page = create(&site, "other", &nonce).await;
        assert_eq!(page.status, StatusCode::OK, "{nonce}: {}", page.html);
        assert!(page.html.contains("whsec_") && !page.html.contains(&nonce), "{nonce}: {}", page.html);
    }
    let made = endpoints(&site, "other").await;
    assert_eq!(made.len(), 4);
    assert!([known, removed, nil, last].iter().all(|id| !made.contains(id)), "{made:?}");
    assert_eq!(endpoints(&site, "acme").await, [known]);
}

#[tokio::test]
async fn one_form_of_two_tenants_creates_an_endpoint_for_each() {
    let site = Site::new();
    let form = site.page("acme", "endpoints/new").await.form("");
    for who in ["acme", "other"] {
        let page = site.submit(who, &form, &FIELDS).await;
        assert_eq!(page.status, StatusCode::OK, "{who}: {}", page.html);
    }
    for tenant in ["acme", "other"] {
        let page = site.submit("*", &form, &[FIELDS[0], ("tenant", tenant)]).await;
        assert_eq!(page.status, StatusCode::OK, "the operator for {tenant}: {}", page.html);
    }
    let (acme, other) = (endpoints(&site, "acme").await, endpoints(&site, "other").await);
    assert_eq!((acme.len(), other.len()), (2, 2));
    assert!(acme.iter().all(|id| !other.contains(id)));
}
