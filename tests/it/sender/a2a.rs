//! A2A push notifications: requests follow the client's configuration.

use serde_json::{Value, json};

use hookwire::receiver::{Accepted, Receiver, Source};
use hookwire::sender::a2a::{PushConfig, PushError};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{EndpointError, Sender};
use hookwire::signature::Settings;
use hookwire::store::{MemoryDedup, MemoryStore};
use hookwire::worker::CancellationToken;

use crate::support::server::{Reply, Request, Server};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/a2a-push.json")).unwrap()
}

struct Bench {
    sender: Sender,
    server: Server,
    stop: CancellationToken,
}

impl Bench {
    async fn new() -> Self {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let sender = Sender::builder(MemoryStore::new()).egress(egress).build().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(sender.worker().run(stop.clone()));
        Self { sender, server: Server::start(|_| Reply::status(200)).await, stop }
    }

    /// The configuration of a vector, with the URL of this server.
    fn config(&self, mut json: Value) -> PushConfig {
        let url = json!(self.server.url("/webhook/a2a-notifications"));
        match json.get_mut("pushNotificationConfig") {
            Some(inner) => inner["url"] = url,
            None => json["url"] = url,
        }
        PushConfig::from_json(json.to_string().as_bytes(), Some("43667960-d455-4453-b0cf-1bae4955270d")).unwrap()
    }

    async fn arrived(&self, count: usize) -> Vec<Request> {
        for _ in 0..1_000 {
            let requests = self.server.requests();
            if requests.len() >= count {
                return requests;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} have come", self.server.requests().len());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Whether our own receiver accepts the request with this token or these credentials.
async fn is_accepted(request: &Request, secret: &str) -> bool {
    let source = Source::provider("a2a", &[secret], Settings::default()).unwrap();
    let receiver = Receiver::builder(MemoryDedup::new()).source(source).build().unwrap();
    let mut requested = http::Request::post("/webhook").body(request.body.clone()).unwrap();
    requested.headers_mut().extend(request.headers.clone());
    matches!(receiver.gate("a2a").unwrap().verify(requested).await, Ok(Accepted::Event(_)))
}

#[tokio::test]
async fn an_update_of_version_1_0_is_sent_as_the_specification_requires() {
    let (bench, vectors) = (Bench::new().await, vectors());
    let delivery = &vectors["v1_0"]["delivery"];
    let mut config = vectors["v1_0"]["config"].clone();
    config["token"] = Value::Null;
    let push = bench.sender.a2a("acme").set(bench.config(config)).await.unwrap();
    bench.sender.a2a("acme").update(&delivery["body"]).await.unwrap();
    let request = &bench.arrived(1).await[0];
    assert_eq!(request.headers["authorization"], delivery["headers"]["Authorization"].as_str().unwrap());
    assert_eq!(request.headers["content-type"], delivery["headers"]["Content-Type"].as_str().unwrap());
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), delivery["body"]);
    assert!(!request.headers.contains_key("x-a2a-notification-token"));
    assert!(is_accepted(request, "secure-client-token-for-task-aaa").await);
    assert!(!is_accepted(request, "another").await);
    // In addition, the body is signed.
    let signed = standardwebhooks::Webhook::new(push.secret()).unwrap();
    signed.verify(&request.body, &request.headers).unwrap();
    assert!(signed.verify(b"{}", &request.headers).is_err());
}

#[tokio::test]
async fn a_task_of_version_0_3_is_sent_with_its_token() {
    let (bench, vectors) = (Bench::new().await, vectors());
    let delivery = &vectors["v0_3"]["delivery"];
    let mut config = vectors["v0_3"]["config"].clone();
    config["pushNotificationConfig"]["authentication"].as_object_mut().unwrap().remove("credentials");
    bench.sender.a2a("acme").set(bench.config(config)).await.unwrap();
    bench.sender.a2a("acme").task(&delivery["body"]).await.unwrap();
    let request = &bench.arrived(1).await[0];
    for name in ["X-A2A-Notification-Token", "Content-Type"] {
        assert_eq!(request.headers[name], delivery["headers"][name].as_str().unwrap(), "{name}");
    }
    assert!(is_accepted(request, "secure-client-token-for-task-aaa").await);
}

fn update(task: &str, state: &str) -> Value {
    json!({"statusUpdate": {"taskId": task, "contextId": "c-1", "status": {"state": state}}})
}

#[tokio::test]
async fn only_subscribers_of_a_task_get_its_updates_and_in_order() {
    let bench = Bench::new().await;
    let url = |path: &str| bench.server.url(path);
    let (acme, other) = (bench.sender.a2a("acme"), bench.sender.a2a("other"));
    acme.set(PushConfig::new("task-1", url("/one"))).await.unwrap();
    acme.set(PushConfig::new("task / 2", url("/two"))).await.unwrap();
    other.set(PushConfig::new("task-1", url("/other"))).await.unwrap();
    let states: Vec<_> = (0..20).map(|turn| format!("state-{turn}")).collect();
    for state in &states {
        assert_eq!(acme.update(&update("task-1", state)).await.unwrap().deliveries.len(), 1);
    }
    acme.update(&update("task / 2", "x")).await.unwrap();
    assert_eq!(acme.update(&update("task-3", "x")).await.unwrap().deliveries.len(), 0);
    let all = bench.arrived(21).await;
    let of = |path: &str| all.iter().filter(|request| request.uri.path() == path).collect::<Vec<_>>();
    let state = |request: &&Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["statusUpdate"]["status"]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("/one").iter().map(state).collect::<Vec<_>>(), states);
    assert_eq!((of("/two").len(), of("/other").len()), (1, 0));
}

#[tokio::test]
async fn configurations_are_listed_replaced_deleted_and_forgotten() {
    let bench = Bench::new().await;
    let pushes = bench.sender.a2a("acme");
    let config = |path: &str| PushConfig::new("task-1", bench.server.url(path)).token("t-1");
    let first = pushes.set(config("/a")).await.unwrap();
    let again = pushes.set(config("/a").token("t-2")).await.unwrap();
    let second = pushes.set(config("/b")).await.unwrap();
    let ids = async || pushes.list("task-1").await.unwrap().iter().map(|push| push.id).collect::<Vec<_>>();
    assert_eq!(ids().await, [again.id, second.id], "the same URL took the place of the first");
    assert!(pushes.get("task-1", first.id).await.unwrap().is_none());
    assert!(pushes.get("task-2", second.id).await.unwrap().is_none(), "it belongs to another task");
    assert!(
        bench.sender.a2a("other").get("task-1", second.id).await.unwrap().is_none(),
        "it belongs to another tenant"
    );
    bench.sender.a2a("other").delete("task-1", second.id).await.unwrap();
    pushes.delete("task-1", again.id).await.unwrap();
    pushes.delete("task-1", again.id).await.unwrap();
    assert_eq!(ids().await, [second.id]);
    let receipt = pushes.update(&update("task-1", "TASK_STATE_COMPLETED")).await.unwrap();
    bench.arrived(1).await;
    while bench.sender.history().delivery(receipt.deliveries[0]).await.unwrap().unwrap().finished_at.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let ordinary = hookwire::endpoint::NewEndpoint::https("https://acme.example/").unwrap().tenant("acme");
    let ordinary = bench.sender.endpoints().create(ordinary.events(["hookwire.a2a.task-1"]).unwrap()).await.unwrap();
    assert_eq!(pushes.forget("task-1").await.unwrap(), 0);
    assert!(ids().await.is_empty());
    assert!(bench.sender.endpoints().get(ordinary.id).await.is_ok(), "it was not made by a configuration");
    let credentials = config("/a").authentication("Bearer", "hidden");
    let stored = pushes.set(credentials.clone()).await.unwrap();
    let shown = format!("{credentials:?} {stored:?} {:?}", pushes.list("task-1").await.unwrap());
    assert!(!shown.contains("hidden") && !shown.contains("t-1") && !shown.contains(stored.secret()), "{shown}");
    assert!(shown.contains(&format!("{:?}", stored.id)), "{shown}");
}

#[tokio::test]
async fn invalid_configurations_and_updates_are_refused() {
    for (json, task) in [
        (json!([]), None),
        (json!({"url": "https://a.example/"}), None),
        (json!({"taskId": "t"}), None),
        (json!({"taskId": "t", "url": "https://a.example/", "authentication": {"credentials": "c"}}), None),
        (json!({"pushNotificationConfig": {"token": "x"}}), Some("t")),
    ] {
        let refused = PushConfig::from_json(json.to_string().as_bytes(), task);
        assert!(matches!(refused, Err(PushError::Config(_))), "{json}");
    }
    let sender = Sender::builder(MemoryStore::new()).build().unwrap();
    let pushes = sender.a2a("acme");
    for update in [
        json!({}),
        json!({"task": {"id": "t"}, "message": {"taskId": "t"}}),
        json!({"statusUpdate": {}}),
        json!({"task": 7}),
    ] {
        assert!(matches!(pushes.update(&update).await, Err(PushError::Update)), "{update}");
    }
    for url in ["http://a.example/", "https://127.0.0.1/", "https://169.254.169.254/"] {
        let refused = pushes.set(PushConfig::new("t", url)).await;
        assert!(matches!(refused, Err(PushError::Endpoint(EndpointError::Target(_)))), "{url}: {refused:?}");
    }
    let long = pushes.set(PushConfig::new("t", "https://a.example/").token("a\r\nb")).await;
    assert!(matches!(long, Err(PushError::Header(_))), "{long:?}");
}
