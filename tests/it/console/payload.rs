//! The payload as a file: its exact bytes, and never as a page.

use http::StatusCode;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;

use super::site::{ROOT, Site};

async fn site_with(payload: impl Into<bytes::Bytes>, site: Site) -> (Site, [String; 2]) {
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    let event = NewEvent::raw("card.charged", "application/json", payload).unwrap().tenant("acme");
    let receipt = site.sender.dispatch(event).await.unwrap();
    let pages = [format!("events/{}?tenant=acme", receipt.event), format!("deliveries/{}", receipt.deliveries[0])];
    (site, pages)
}

fn file_of(page: &super::site::Page) -> String {
    page.links().into_iter().find(|link| link.contains("/payload")).unwrap_or_else(|| panic!("{}", page.html))
}

#[tokio::test]
async fn the_exact_payload_is_downloaded_and_copied_and_not_its_layout() {
    let payload = "{\"b\":1,\r\n  \"a\" : \"x\u{202e}\u{0}<b>\"}\n";
    let (site, pages) = site_with(payload, Site::new()).await;
    for who in ["acme", "*"] {
        for path in &pages {
            let page = site.page(who, path).await;
            assert!(page.html.contains("Download the payload as it is"), "{}", page.html);
            let file = file_of(&page);
            let relative = page.between("data-raw=\"", "\"");
            assert!(
                relative.ends_with(file.trim_start_matches(ROOT)),
                "the button copies {relative}, the link is {file}"
            );
            let file = site.open(who, &file).await;
            assert_eq!((file.status, &*file.html), (StatusCode::OK, payload));
            assert_eq!(file.headers["content-type"], "text/plain; charset=utf-8");
            assert_eq!(file.headers["content-disposition"], "attachment; filename=\"payload.txt\"");
            assert_eq!(file.headers["x-content-type-options"], "nosniff");
            assert_eq!(file.headers["cache-control"], "no-store");
            assert_eq!(site.open("other", &file.path).await.status, StatusCode::NOT_FOUND);
            assert_eq!(site.open("", &file.path).await.status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn a_payload_that_is_not_text_can_be_downloaded_only() {
    let (site, pages) = site_with(vec![0xff, 0xfe, 0x00], Site::new()).await;
    for path in &pages {
        let page = site.page("acme", path).await;
        assert!(!page.html.contains("data-raw"), "{}", page.html);
        let (head, bytes) = site.bytes("acme", &file_of(&page)).await;
        assert_eq!(&bytes[..], [0xff, 0xfe, 0x00]);
        assert_eq!(head.headers["content-type"], "application/octet-stream");
        assert_eq!(head.headers["content-disposition"], "attachment; filename=\"payload.bin\"");
    }
}

#[tokio::test]
async fn the_file_contains_what_the_host_shows_and_nothing_after_the_payload_was_removed() {
    let hide = |event: &hookwire::event::Event| (!event.payload.is_empty()).then(|| "card data is hidden".to_owned());
    let (site, pages) = site_with("\"4242-secret\"", Site::of(|console| console.redact(hide))).await;
    let page = site.page("acme", &pages[0]).await;
    let file = file_of(&page);
    assert_eq!(site.open("acme", &file).await.html, "card data is hidden");
    assert!(page.html.contains("Download what is shown") && !page.html.contains("as it is"), "{}", page.html);
    site.submit("acme", &page.form("/expunge"), &[("sure", "on")]).await;
    assert!(!site.page("acme", &pages[0]).await.html.contains("/payload"));
    assert_eq!(site.open("acme", &file).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_payload_of_which_nothing_is_shown_has_no_file() {
    let site = Site::of(|console| console.redact(|_| Some(String::new())));
    let (site, pages) = site_with("\"4242-secret\"", site).await;
    for path in &pages {
        let page = site.page("acme", path).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.html.contains("/payload") && !page.html.contains("4242"), "{}", page.html);
    }
}
