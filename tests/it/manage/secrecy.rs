//! What the API and the tools write into logs.

use serde_json::json;

use hookwire::mcp::WebhookTools;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;

use super::api::Api;
use crate::mcp::agent::{Agent, LINKS, links};
use crate::support::log::Log;
use crate::support::server::{Reply, Server};

/// On one thread, so that all of it is seen: requests, tool calls, deliveries, at every level.
#[tokio::test]
async fn no_log_holds_a_secret_a_credential_a_payload_or_a_path() {
    let (log, _here) = Log::of_this_thread();
    let server = Server::start(|_| Reply::status(200)).await;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).build().unwrap();
    let (stop, worker) = (CancellationToken::new(), sender.worker());
    let worker = tokio::spawn(worker.run(stop.clone()));
    let api = Api::over(sender.clone());
    let new = json!({"url": server.url("/in-the-path?token=in-the-url"), "headers": {"authorization": "Bearer header-credential"}});
    let made = api.ask(Some("acme"), "POST /endpoints", Some(&new)).await;
    let line = format!("POST /endpoints/{}/rotate", made.member("/endpoint/id"));
    let rotated = api.ask(Some("acme"), &line, Some(&json!({}))).await;
    let opened = links();
    let agent = Agent::of(&WebhookTools::new(sender, opened.clone()), "acme").await;
    let registered =
        agent.call("webhook_register", json!({"url": server.url("/of-the-agent?token=in-the-url")})).await.done();
    let place = registered["secret"]["place"].as_str().unwrap().strip_prefix(LINKS).unwrap();
    let of_the_agent = opened.open(place).unwrap();
    api.ask(Some("acme"), "POST /events", Some(&json!({"type": "a.b", "data": "in-the-payload"}))).await;
    while server.requests().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    stop.cancel();
    worker.await.unwrap().unwrap();
    let text = log.text();
    assert!(text.contains("POST"), "the attempts have spans: {text}");
    let bare = |secret: &str| secret.strip_prefix("whsec_").unwrap().to_owned();
    let secrets = [bare(&made.member("/secret")), bare(&rotated.member("/secret")), bare(&of_the_agent)];
    let others = ["header-credential", "in-the-payload", "in-the-path", "of-the-agent"].map(String::from);
    let line_with = |hidden: &str, of: fn(&&str) -> bool| text.lines().filter(of).find(|line| line.contains(hidden));
    for hidden in &secrets {
        assert_eq!(line_with(hidden, |_| true), None);
    }
    for hidden in &others {
        // The protocol's own library traces arguments, if it is asked to: one more reason why none may be a secret.
        assert_eq!(line_with(hidden, |line| !line.contains("rmcp::")), None, "{hidden}");
    }
}
