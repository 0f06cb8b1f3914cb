//! Rule R-25, and the extractors of axum.

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use hookwire::receiver::{JsonError, Rejection, RejectionKind, Verified, Webhook};
use http::{Request, Response, StatusCode};
use serde::Deserialize;
use tower::ServiceExt as _;

use super::{Bench, header, signed};

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
enum Payload {
    #[serde(rename = "invoice.paid")]
    Paid { number: u64 },
    #[serde(rename = "fail")]
    Fail,
}

async fn handler(event: Webhook<Payload>) -> Result<String, StatusCode> {
    match event.payload {
        Payload::Paid { number } => Ok(format!("{number} {}", event.verified().event_id().unwrap_or_default())),
        Payload::Fail => Err(StatusCode::BAD_GATEWAY),
    }
}

async fn strict(verified: Verified) -> Result<(), StatusCode> {
    verified.strict_json::<serde_json::Value>().map(drop).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)
}

fn app(bench: &Bench) -> Router {
    Router::new()
        .route("/hooks", post(handler))
        .route("/strict", post(strict))
        .layer(bench.receiver.gate("standard").unwrap())
}

async fn ask(bench: &Bench, path: &str, id: &str, body: &'static str) -> Response<Body> {
    let mut request = signed(id, body).map(Body::new);
    *request.uri_mut() = path.parse().unwrap();
    app(bench).oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1_024).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_handler_gets_payload_and_event() {
    let answer = ask(&Bench::new(), "/hooks", "evt", r#"{"type":"invoice.paid","number":7}"#).await;
    assert_eq!(text(answer).await, "7 evt");
}

#[tokio::test]
async fn the_layer_wraps_one_route_and_leaves_the_others_unchanged() {
    let bench = Bench::new();
    let layer = bench.receiver.gate("standard").unwrap();
    let app: Router =
        Router::new().route("/hooks", post(handler).layer(layer)).route("/health", post(|| async { "well" }));
    let unsigned = |path: &str| Request::post(path).body(Body::empty()).unwrap();
    assert_eq!(text(app.clone().oneshot(unsigned("/health")).await.unwrap()).await, "well");
    assert_eq!(app.clone().oneshot(unsigned("/hooks")).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let signed = signed("evt", r#"{"type":"invoice.paid","number":7}"#);
    assert_eq!(app.oneshot(signed).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_handlers_error_makes_the_event_fresh() {
    let bench = Bench::new();
    for _ in 0..2 {
        let answer = ask(&bench, "/hooks", "evt", r#"{"type":"fail"}"#).await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(header(&answer, "webhook-duplicate"), None);
    }
}

#[tokio::test]
async fn a_handler_without_the_layer_rejects_to_run() {
    let app: Router = Router::new().route("/hooks", post(handler));
    let answer = app.oneshot(signed("evt", r#"{"type":"fail"}"#).map(Body::new)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let rejection = answer.extensions().get::<Rejection>().unwrap();
    assert_eq!(rejection.kind(), RejectionKind::NotVerified);
}

#[tokio::test]
async fn the_layer_rejects_before_axum_routes_to_the_handler() {
    let bench = Bench::new();
    let request = Request::post("/hooks").body(Body::from(r#"{"type":"fail"}"#)).unwrap();
    let answer = app(&bench).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let rejection = answer.extensions().get::<Rejection>().unwrap();
    assert!(matches!(rejection.kind(), RejectionKind::Unverified(_)));
}

#[tokio::test]
async fn r_25_routing_uses_the_same_typed_parse_as_the_handler() {
    let bench = Bench::new();
    // A generic parser would take the last `type`; the typed one refuses the repetition.
    let body = r#"{"type":"invoice.paid","number":7,"number":8}"#;
    let answer = ask(&bench, "/hooks", "evt", body).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let rejection = answer.extensions().get::<Rejection>().unwrap();
    assert!(matches!(rejection.kind(), RejectionKind::Payload(JsonError::Shape { .. })));
    assert_eq!(text(answer).await, "", "the response has no detail");
}

#[tokio::test]
async fn r_25_strict_json_rejects_repeated_keys_however_they_are_spelled() {
    let bench = Bench::new();
    let cases = [
        ("a", r#"{"x":{"k":1,"l":1}}"#, 200),
        ("b", r#"{"x":{"k":1,"k":1}}"#, 422),
        ("c", r#"{"x":{"k":1,"\u006b":1}}"#, 422),
        ("d", "\u{feff}{}", 200),
        ("e", "{} {}", 422),
        ("f", "[NaN]", 422),
    ];
    for (id, body, status) in cases {
        assert_eq!(ask(&bench, "/strict", id, body).await.status().as_u16(), status, "{body}");
    }
}

#[tokio::test]
async fn r_25_the_depth_of_json_is_bounded() {
    let bench = Bench::new();
    let request = signed("evt", "[".repeat(500_000)).map(Body::new);
    let (mut parts, body) = request.into_parts();
    parts.uri = "/strict".parse().unwrap();
    let answer = app(&bench).oneshot(Request::from_parts(parts, body)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
