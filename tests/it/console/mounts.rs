//! The console works under any path.

use axum::body::Body;
use axum::{Extension, Router};
use http::{Request, StatusCode};
use tower::ServiceExt as _;

use hookwire::console::Console;
use hookwire::sender::{Scope, Sender};
use hookwire::store::MemoryStore;

async fn answer(app: &Router, path: &str) -> (StatusCode, String) {
    let response = app.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
    (response.status(), location.unwrap_or_default())
}

#[tokio::test]
async fn the_path_of_the_console_leads_to_the_overview_with_and_without_a_slash() {
    let console =
        Console::new(Sender::builder(MemoryStore::new()).build().unwrap()).router().layer(Extension(Scope::operator()));
    let app = Router::new().nest_service("/a/console", console.clone()).nest("/b", console.clone());
    let see = |path: &str| (StatusCode::SEE_OTHER, path.to_owned());
    assert_eq!(answer(&app, "/a/console").await, see("./console/overview"));
    assert_eq!(answer(&app, "/a/console/").await, see("overview"));
    assert_eq!(answer(&app, "/b").await, see("./b/overview"));
    for path in ["/a/console/overview", "/b/overview"] {
        assert_eq!(answer(&app, path).await.0, StatusCode::OK, "{path}");
    }
    // Alone, or behind a proxy that removes the prefix.
    assert_eq!(answer(&console, "/").await, see("overview"));
    assert_eq!(answer(&console, "/overview").await.0, StatusCode::OK);
}
