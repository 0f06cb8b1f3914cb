//! schemathesis reads the description of the management API, and sends requests that agree with it and requests that do not.

use std::path::Path;
use std::process::Command;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;

use hookwire::manage::Manage;
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::store::MemoryStore;

use crate::peer;

/// Everybody is an operator or a tenant, as the header says.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let operator = request.headers().contains_key("x-operator");
    let principal = if operator { Scope::operator() } else { Scope::tenant("acme") };
    request.extensions_mut().insert(principal);
    next.run(request).await
}

/// Without a worker: the addresses that it makes up are stored and never called.
async fn serve() -> String {
    let sender = Sender::builder(MemoryStore::new()).max_endpoints_per_tenant(100_000).build().unwrap();
    let routes = Manage::new(sender).router().layer(middleware::from_fn(authenticate));
    let app = axum::Router::new().nest("/webhooks", routes);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn run(folder: &Path, url: &str, headers: &[&str]) {
    let config = hookwire_tests::root().join("tests/interop/schemathesis.toml");
    let scratch = tempfile::tempdir().unwrap();
    let mut command = Command::new(folder.join("venv/bin/schemathesis"));
    command.current_dir(scratch.path());
    command.arg("--config-file").arg(config).args(["run", &format!("{url}/openapi.json"), "--url", url]);
    command.args(["--max-examples", "40", "--seed", "1", "--generation-database", "none"]);
    let done = command.args(headers.iter().flat_map(|header| ["-H", *header])).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}\n{errors}");
    assert!(said.contains("Tested: 31"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_failure() {
    let Some(folder) = peer::folder() else { return };
    let url = serve().await;
    let done = tokio::task::spawn_blocking(move || {
        run(&folder, &url, &[]);
        run(&folder, &url, &["x-operator: yes"]);
    });
    done.await.unwrap();
}
