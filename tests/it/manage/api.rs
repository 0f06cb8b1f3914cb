//! The API, mounted as in an application and called without a socket.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use hookwire::manage::Manage;
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use hookwire::testing::ManualClock;

/// Who asks: `Some("acme")` a tenant, `Some("*")` an operator, `Some("acme:read-only")` a tenant that may read only, `None` nobody.
pub type Who = Option<&'static str>;

/// The host's authentication: it believes a header.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let who = request.headers().get("x-who").map(|who| who.to_str().unwrap().to_owned());
    if let Some(who) = who {
        let (name, mode) = who.split_once(':').unwrap_or((&who, ""));
        let scope = if name == "*" { Scope::operator() } else { Scope::tenant(name) };
        request.extensions_mut().insert(if mode == "read-only" { scope.read_only() } else { scope });
    }
    next.run(request).await
}

pub struct Api {
    pub sender: Sender,
    pub manage: Manage,
    app: axum::Router,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn member(&self, pointer: &str) -> String {
        self.json().pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {self:?}")).into()
    }

    pub fn code(&self) -> String {
        self.member("/code")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Api {
    pub fn new() -> Self {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        let clock = ManualClock::at(hookwire::clock::Timestamp::from_secs(1_767_225_600));
        Self::over(Sender::builder(MemoryStore::new()).egress(egress).clock(clock).build().unwrap())
    }

    pub fn over(sender: Sender) -> Self {
        let manage = Manage::new(sender.clone()).body_limit(16_384);
        let routes = manage.clone().router().layer(middleware::from_fn(authenticate));
        Self { sender, manage, app: axum::Router::new().nest("/webhooks", routes) }
    }

    pub async fn send(&self, who: Who, request: http::request::Builder, body: Body) -> Answer {
        let request = who.into_iter().fold(request, |request, who| request.header("x-who", who));
        let response = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// One request; `line` is a method and a path below `/webhooks`.
    pub async fn ask(&self, who: Who, line: &str, body: Option<&Value>) -> Answer {
        self.ask_with(who, line, &[], body).await
    }

    pub async fn ask_with(&self, who: Who, line: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let request = http::Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap());
        let mut request = request.uri(format!("/webhooks{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match body {
            Some(json) => {
                let request = request.header("content-type", "application/json");
                self.send(who, request, Body::from(json.to_string())).await
            }
            // As a client has to that does not sign in by a token: a form of another site cannot.
            None if method == "POST" => {
                self.send(who, request.header("x-requested-with", "tests"), Body::empty()).await
            }
            None => self.send(who, request, Body::empty()).await,
        }
    }
}
