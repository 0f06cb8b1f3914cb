//! Changes that a page of another site asks for are refused.

use http::StatusCode;

use hookwire::endpoint::{NewEndpoint, Target};

use super::site::{ROOT, Site};

/// Names and values.
type Headers = &'static [(&'static str, &'static str)];

async fn site_with_endpoint() -> (Site, String) {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    let endpoint = site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let path = format!("{ROOT}endpoints/{}", endpoint.id);
    (site, path)
}

#[tokio::test]
async fn only_a_request_of_the_same_origin_changes_something() {
    let (site, path) = site_with_endpoint().await;
    let token = site.open("acme", &path).await.form("/disable").fields[0].1.clone();
    let disable = format!("{path}/disable");
    let cases: [(Headers, bool, bool); 12] = [
        (&[("sec-fetch-site", "same-origin")], false, true),
        (&[("sec-fetch-site", "same-origin"), ("origin", "https://app.example")], false, true),
        (&[("origin", "https://app.example")], false, true),
        (&[("origin", "http://app.example")], false, true),
        (&[], true, true),
        (&[], false, false),
        (&[("sec-fetch-site", "cross-site")], true, false),
        (&[("sec-fetch-site", "same-site")], true, false),
        (&[("sec-fetch-site", "none")], true, false),
        (&[("origin", "https://evil.example")], true, false),
        (&[("origin", "https://app.example.evil.example")], true, false),
        (&[("origin", "null")], true, false),
    ];
    for (headers, with_token, is_accepted) in cases {
        let fields: &[(&str, &str)] = if with_token { &[("token", &token)] } else { &[] };
        let answer = site.post_with("acme", &disable, headers, fields).await;
        let expected = if is_accepted { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{headers:?}, with token: {with_token}");
    }
}

#[tokio::test]
async fn a_token_is_of_no_use_to_another_scope_or_process() {
    let (site, path) = site_with_endpoint().await;
    let token = site.open("acme", &path).await.form("/disable").fields[0].1.clone();
    let of_operator = site.open("*", &path).await.form("/disable").fields[0].1.clone();
    let (other, _) = site_with_endpoint().await;
    let of_other = other.page("acme", "endpoints/new").await.form("").fields[0].1.clone();
    let disable = format!("{path}/disable");
    for (token, expected) in [
        (token, StatusCode::SEE_OTHER),
        (of_operator, StatusCode::FORBIDDEN),
        (of_other, StatusCode::FORBIDDEN),
        (String::new(), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(site.post_with("acme", &disable, &[], &[("token", &token)]).await.status, expected);
    }
}

#[tokio::test]
async fn a_page_of_another_site_neither_starts_nor_stops_a_job() {
    let (site, _) = site_with_endpoint().await;
    let fields = [("what", "cancel"), ("state", "pending")];
    let start = format!("{ROOT}jobs/new");
    let headers: Headers = &[("sec-fetch-site", "cross-site")];
    assert_eq!(site.post_with("acme", &start, headers, &fields).await.status, StatusCode::FORBIDDEN);
    assert!(site.page("acme", "jobs").await.html.contains("There is no job."), "none was started");
    let own = site.post("acme", "jobs/new", &fields).await;
    assert_eq!(own.status, StatusCode::SEE_OTHER);
    let job = own.location().unwrap().split('?').next().unwrap().to_owned();
    assert_eq!(site.post_with("acme", &format!("{job}/stop"), headers, &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.open("acme", &format!("{job}/stop")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(site.open("acme", &job).await.html.contains("Stop the job"), "it was not stopped");
}

#[tokio::test]
async fn a_change_cannot_be_asked_for_by_a_link() {
    let (site, path) = site_with_endpoint().await;
    for action in ["disable", "enable", "rotate", "test", "edit", "remove"] {
        let answer = site.open("acme", &format!("{path}/{action}")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{action}");
        assert_eq!(answer.headers["allow"], "POST");
    }
}
