//! Lists are walked to older rows and back to newer ones.

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use http::StatusCode;

use super::site::{Page, Site};

async fn dispatch(site: &Site, count: u32) {
    for number in 0..count {
        site.sender.dispatch(NewEvent::json("invoice.paid", &number).unwrap().tenant("acme")).await.unwrap();
    }
}

async fn site(count: u32) -> Site {
    let site = Site::new();
    let target = Target::parse("http://127.0.0.1:9000/").unwrap();
    site.sender.endpoints().create(NewEndpoint::at(target).tenant("acme")).await.unwrap();
    dispatch(&site, count).await;
    site
}

/// The ids in the rows of a list, in the order of the page.
fn rows(page: &Page) -> Vec<String> {
    let body = page.html.split("<tbody>").nth(1).unwrap_or_default().split("</tbody>").next().unwrap_or_default();
    let is_id = |word: &&str| word.starts_with("dlv_") || word.starts_with("evt_");
    let mut ids: Vec<_> =
        body.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(is_id).map(String::from).collect();
    ids.dedup();
    ids
}

async fn follow(site: &Site, page: &Page, field: &str) -> Option<Page> {
    let link = page.links().into_iter().find(|link| link.contains(&format!("&{field}=")))?;
    let page = site.open("acme", &link).await;
    assert_eq!(page.status, StatusCode::OK, "{link}");
    Some(page)
}

#[tokio::test]
async fn the_pages_to_newer_rows_are_those_to_older_rows() {
    let site = site(120).await;
    for path in ["deliveries", "deliveries?type=invoice.paid&state=pending", "events"] {
        let mut pages = vec![site.page("acme", path).await];
        while let Some(older) = follow(&site, &pages[pages.len() - 1], "after").await {
            pages.push(older);
        }
        let older: Vec<_> = pages.iter().map(rows).collect();
        assert_eq!(older.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 20], "{path}");
        assert!(!pages[0].html.contains("rel=\"prev\""), "the first page has no link to newer rows: {path}");
        assert!(pages[0].html.contains(">Older ") && pages[1].html.contains(">Newer "), "{path}");
        let mut newer = vec![pages.pop().unwrap()];
        while let Some(page) = follow(&site, &newer[newer.len() - 1], "before").await {
            newer.push(page);
        }
        newer.reverse();
        assert_eq!(newer.iter().map(rows).collect::<Vec<_>>(), older, "{path}");
        assert!(!newer[0].html.contains("rel=\"prev\""), "it is the first page again: {path}");
        let second = follow(&site, &newer[0], "after").await.unwrap();
        assert_eq!(rows(&second), older[1], "{path}");
    }
}

#[tokio::test]
async fn rows_that_are_new_since_the_first_page_are_on_a_page_of_their_own() {
    let site = site(70).await;
    let first = site.page("acme", "deliveries").await;
    let second = follow(&site, &first, "after").await.unwrap();
    dispatch(&site, 3).await;
    let back = follow(&site, &second, "before").await.unwrap();
    assert_eq!(rows(&back), rows(&first), "no row that existed before is left out or repeated");
    let newest = follow(&site, &back, "before").await.unwrap();
    assert_eq!(rows(&newest).len(), 3);
    assert!(follow(&site, &newest, "before").await.is_none());
    assert_eq!(rows(&follow(&site, &newest, "after").await.unwrap()), rows(&first));
}

#[tokio::test]
async fn an_empty_page_towards_newer_rows_does_not_say_that_nothing_matches() {
    let site = site(1).await;
    let newest = rows(&site.page("acme", "deliveries").await).remove(0);
    let page = site.page("acme", &format!("deliveries?before={newest}")).await;
    assert!(page.html.contains("No newer delivery matches.") && page.html.contains(">Older "), "{}", page.html);
    let page = site.page("acme", "events?before=1000000").await;
    assert!(page.html.contains("No newer event matches."), "{}", page.html);
    let page = site.page("acme", "deliveries?state=failed").await;
    assert!(page.html.contains("No delivery matches."), "{}", page.html);
}

#[tokio::test]
async fn a_page_with_both_cursors_is_invalid() {
    let site = Site::new();
    let id = "dlv_00000000000070008000000000000000";
    let page = site.page("acme", &format!("deliveries?after={id}&before={id}")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.html.contains("before: must be absent"), "{}", page.html);
}
