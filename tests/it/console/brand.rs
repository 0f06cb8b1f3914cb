//! The name, the logo and the colour of the host, and the frames that may show the pages.

use http::StatusCode;

use super::site::Site;

#[tokio::test]
async fn pages_have_the_name_the_logo_and_the_colour_of_the_host() {
    let set =
        |console: hookwire::console::Console| console.name("Acme <1>").accent([0xff, 0xd7, 0]).logo("/logo.svg?a=\"");
    let site = Site::of(set);
    for path in ["overview", "no/such/page"] {
        let page = site.page("acme", path).await;
        assert!(page.html.contains("Acme &lt;1&gt;"), "{}", page.html);
        assert!(page.html.contains("<img src=\"/logo.svg?a=&quot;\" alt=\"\""), "{}", page.html);
        let file = page.html.split("assets/accent-").nth(1).unwrap().split('"').next().unwrap();
        let style = site.page("", &format!("assets/accent-{file}")).await;
        assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
        assert!(style.html.contains("--accent: #") && style.html.contains("#ffd700"), "{}", style.html);
    }
    let plain = Site::new();
    assert!(!plain.page("acme", "overview").await.html.contains("accent-"));
    assert_eq!(plain.page("", "assets/accent-0000000000000000.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_the_pages_of_named_origins_may_show_the_console_in_a_frame() {
    let closed = Site::new().page("acme", "overview").await;
    assert!(closed.headers["content-security-policy"].to_str().unwrap().ends_with("frame-ancestors 'none'"));
    assert_eq!(closed.headers["x-frame-options"], "DENY");

    let site =
        Site::of(|console| console.in_frames_of(["https://app.acme.example", "https://b.example:8443"]).unwrap());
    let open = site.page("acme", "overview").await;
    let policy = open.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("frame-ancestors https://app.acme.example https://b.example:8443"), "{policy}");
    assert!(policy.starts_with("default-src 'none'") && !open.headers.contains_key("x-frame-options"));
}
