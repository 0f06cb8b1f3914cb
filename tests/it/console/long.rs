//! Lists that one search does not examine to their end.

use hookwire::clock::Timestamp;
use hookwire::id::EndpointId;
use hookwire::store::MemoryStore;

use super::super::support::history::fill;
use super::site::Site;

#[tokio::test]
async fn a_page_that_searched_only_a_part_says_how_far_and_searches_on() {
    let store = MemoryStore::new();
    fill(&store, EndpointId::generate(Timestamp::EPOCH)).await;
    let site = Site::over(store, |console| console);
    let all = site.page("acme", "deliveries").await;
    assert!(all.html.contains("Next page") && !all.html.contains("searched back"), "a full page: {}", all.html);
    let first = site.page("acme", "deliveries?type=rare.made").await;
    assert!(first.html.contains("No delivery matches so far."), "{}", first.html);
    assert!(first.html.contains("This page has searched back to"), "{}", first.html);
    assert!(first.html.contains("2023-11-14 22:"), "the time of the last delivery that was examined: {}", first.html);
    assert!(first.html.contains("Search older deliveries"), "{}", first.html);
    let next = first.links().into_iter().find(|link| link.contains("after=")).unwrap();
    let last = site.open("acme", &next).await;
    assert!(last.html.contains("rare.made</a>") && !last.html.contains("Search older"), "{}", last.html);
    let none = site.page("acme", "deliveries?type=nothing.made").await;
    let next = none.links().into_iter().find(|link| link.contains("after=")).unwrap();
    let end = site.open("acme", &next).await;
    assert!(end.html.contains("No delivery matches.") && !end.html.contains("Search older"), "{}", end.html);
}
