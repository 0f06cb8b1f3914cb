//! An agent with the official SDK of the Model Context Protocol uses `examples/mcp_server.rs`, over stdio and over HTTP.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use serde_json::{Value, json};

use crate::peer;

/// Where cargo has built it, beside this test.
fn server() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/mcp_server");
    assert!(path.exists(), "build it first: cargo build --example mcp_server --features mcp");
    path
}

/// A callback, and what has come to it: message ids.
async fn callback() -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let take = move |headers: HeaderMap| {
        assert!(headers.contains_key("webhook-signature"));
        log.lock().unwrap().push(headers["webhook-id"].to_str().unwrap().to_owned());
        async {}
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/in", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

/// What the agent has said, step by step; `None` where it is not installed.
async fn agent(arguments: Vec<String>) -> Option<HashMap<String, Value>> {
    let folder = peer::folder()?;
    let run = move || Command::new("node").arg(folder.join("agent.mjs")).args(arguments).output().unwrap();
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.lines().filter(|line| line.contains("whsec_")).count() == 1, "only the link shows the secret: {said}");
    let step = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["step"].as_str().unwrap().to_owned(), line["value"].clone())
    };
    Some(said.lines().map(step).collect())
}

fn check(said: &HashMap<String, Value>, seen: &[String]) {
    let tools = said["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 16, "{tools:?}");
    assert_eq!(said["register"]["callback"]["status"], json!("active"));
    assert_eq!((&said["secret"], &said["secret again"]), (&json!("whsec_"), &json!(404)));
    assert_eq!((&said["bad url"]["refused"], &said["bad url"]["data"]["field"]), (&json!(-32602), &json!("url")));
    assert_eq!(said["forbidden url"]["error"]["category"], json!("target_refused"));
    assert_eq!(said["secret as argument"]["refused"], json!(-32602));
    assert_eq!(said["update"]["event_types"], json!(["*"]));
    assert_eq!(said["list"]["callbacks"].as_array().unwrap().len(), 1);
    assert_eq!(said["get"], said["update"]);
    check_delivery(said, seen);
}

fn check_delivery(said: &HashMap<String, Value>, seen: &[String]) {
    assert_eq!((&said["test"]["ok"], &said["test"]["status_code"]), (&json!(true), &json!(200)));
    assert_eq!(said["resend"]["count"], json!(1));
    assert_eq!(said["background"]["job"], json!(1));
    assert_eq!(said["jobs"]["jobs"][0]["job"], json!(1));
    assert_eq!(said["unregister"], json!({"deleted": true}));
    assert_eq!(said["get again"]["error"]["category"], json!("not_found"));
    let message = said["delivered"]["message_id"].as_str().unwrap();
    assert!(seen.iter().any(|id| id == message), "{message} of {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_manages_its_callback_over_stdio() {
    let (url, seen) = callback().await;
    let arguments = vec![url, "stdio".into(), server().to_str().unwrap().into()];
    let Some(said) = agent(arguments).await else { return };
    check(&said, &seen.lock().unwrap());
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _known = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_manages_its_callback_over_http_and_only_when_it_is_signed_in() {
    if peer::folder().is_none() {
        return;
    }
    let mut process = Command::new(server()).args(["http", "0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let _running = Running(process);
    let server = format!("{}/mcp", line.trim().strip_prefix("listening on ").unwrap());
    let (url, seen) = callback().await;
    let said = agent(vec![url.clone(), "http".into(), server.clone(), "acme-token".into()]).await.unwrap();
    check(&said, &seen.lock().unwrap());
    let nobody = Command::new("node")
        .arg(peer::folder().unwrap().join("agent.mjs"))
        .args([&url, "http", &server, "wrong-token"])
        .output();
    let said = String::from_utf8(nobody.unwrap().stdout).unwrap();
    let steps = said.lines().filter(|line| line.contains(r#""refused":-32600"#)).count();
    assert!(steps >= 8, "{said}");
}
