//! R-15 to R-20, R-26 to R-29, R-33: what verification takes and refuses.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use hookwire::receiver::{Accepted, Grant, Keys, KeysError, RejectionKind, Route, Source};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::STANDARD;
use hookwire::signature::providers::SLACK;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use proptest::prelude::{ProptestConfig, any, proptest};

use super::{Bench, OTHER_SECRET, SECRET, TEXT_SECRET, full, header, reason, sign, signed, signed_by, standard};

#[tokio::test]
async fn r_15_the_raw_bytes_are_verified_whatever_they_are() {
    let bench = Bench::new();
    for (id, body) in [("a", &b"\xff\xfe\x00\x80"[..]), ("b", b""), ("c", b"{ \"a\" : 1 }\r\n")] {
        let body = Bytes::from_static(body);
        let request = signed(id, body.clone()).map(|_| body.clone());
        let Ok(Accepted::Event(verified)) = bench.gate("standard").verify(request).await else { panic!("{body:?}") };
        assert_eq!(verified.body(), &body);
    }
    let respaced = signed("d", r#"{"a":1}"#).map(|_| full(r#"{"a": 1}"#));
    assert_eq!(bench.post(respaced).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn r_17_a_refused_request_changes_nothing() {
    let bench = Bench::new();
    let refused = [
        signed("a", "{}").map(|_| full("{} ")),
        Request::post("/hooks").body(full("{}")).unwrap(),
        Request::get("/hooks").body(full("")).unwrap(),
    ];
    for request in refused {
        assert!(bench.post(request).await.status().is_client_error());
    }
    assert_eq!(bench.store.calls.load(Ordering::Relaxed), 0, "the store was not touched");
    assert_eq!(bench.runs(), 0);
}

#[derive(Debug)]
struct ByPath(HashMap<&'static str, Grant>);

#[async_trait]
impl Keys for ByPath {
    async fn grant(&self, route: Route<'_>) -> Result<Option<Grant>, KeysError> {
        match route.path {
            "/broken" => Err(KeysError::new("the vault is shut")),
            path => Ok(self.0.get(path).cloned()),
        }
    }
}

fn by_path() -> Source {
    let grant = |tenant: &'static str, secret| Grant {
        tenant: tenant.into(),
        keyring: Keyring::new(Key::parse(secret).unwrap()),
    };
    let routes = HashMap::from([("/a", grant("acme", SECRET)), ("/b", grant("bolt", OTHER_SECRET))]);
    Source::resolved("shared", &STANDARD, ByPath(routes))
}

fn at(path: &str, mut request: Request<Full<Bytes>>) -> Request<Bytes> {
    *request.uri_mut() = path.parse().unwrap();
    let (parts, _) = request.into_parts();
    Request::from_parts(parts, Bytes::from_static(br#"{"tenant":"bolt"}"#))
}

#[tokio::test]
async fn r_20_keys_are_chosen_by_route_never_by_payload() {
    let gate = Bench::with(|builder| builder.source(by_path())).gate("shared");
    let of_bolt = || signed_by(OTHER_SECRET, "evt", r#"{"tenant":"bolt"}"#);

    let Ok(Accepted::Event(verified)) = gate.verify(at("/b", of_bolt())).await else { panic!("bolt's own route") };
    assert_eq!(verified.tenant().as_str(), "bolt");
    assert_eq!(
        gate.verify(at("/a", of_bolt())).await.unwrap_err().status(),
        StatusCode::UNAUTHORIZED,
        "bolt's key opens nothing at acme's route, whatever the payload says"
    );
    assert!(gate.verify(at("/a?path=/b", of_bolt())).await.is_err(), "the query chooses nothing");
    assert!(gate.verify(at("/b?path=/a", of_bolt())).await.is_ok(), "and is no part of the route");
}

#[tokio::test]
async fn an_unknown_route_looks_like_a_bad_signature() {
    let gate = Bench::with(|builder| builder.source(by_path())).gate("shared");
    let unknown = gate.verify(at("/c", signed("evt", "{}"))).await.unwrap_err();
    let unsigned = gate.verify(at("/a", signed("evt", "{}"))).await.unwrap_err();
    assert_eq!(unknown.kind(), RejectionKind::UnknownRoute);
    assert_eq!(unknown.status(), unsigned.status());
    assert_eq!(unknown.to_response::<Bytes>().headers(), unsigned.to_response::<Bytes>().headers());
}

#[tokio::test]
async fn keys_out_of_reach_fail_closed() {
    let bench = Bench::with(|builder| builder.source(by_path()));
    let rejection = bench.gate("shared").verify(at("/broken", signed("evt", "{}"))).await.unwrap_err();
    assert_eq!((rejection.kind(), rejection.status().as_u16()), (RejectionKind::KeysUnavailable, 503));
}

#[tokio::test]
async fn r_26_a_panicking_handler_is_a_500_and_the_retry_is_handled() {
    let bench = Bench::new();
    let gate = bench.gate("standard");
    let answer = gate.receive(signed("evt", "{}"), |_| async { panic!("a bug in the handler") as StatusCode }).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(reason(&answer), Some(RejectionKind::HandlerPanicked));

    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn a_handler_that_panics_before_its_first_await_is_caught_too() {
    let bench = Bench::new();
    let handler = |_| -> std::future::Ready<StatusCode> { panic!("a bug in the handler") };
    assert_eq!(bench.gate("standard").receive(signed("evt", "{}"), handler).await.status().as_u16(), 500);
    assert_eq!(bench.post(signed("evt", "{}")).await.status(), StatusCode::OK);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn r_26_no_request_makes_it_panic(
        values in any::<[Vec<u8>; 3]>(),
        body in any::<Vec<u8>>(),
        source in 0_usize..5,
    ) {
        let sources = ["standard", "github", "slack", "stripe", "shopify"];
        let bench = Bench::with(|builder| {
            builder
                .source(standard())
                .source(Source::github(TEXT_SECRET).unwrap())
                .source(Source::slack(TEXT_SECRET).unwrap())
                .source(Source::stripe(TEXT_SECRET).unwrap())
                .source(Source::shopify(TEXT_SECRET).unwrap())
        });
        let names = [
            ["webhook-id", "webhook-timestamp", "webhook-signature"],
            ["x-hub-signature-256", "x-github-event", "x-github-delivery"],
            ["x-slack-signature", "x-slack-request-timestamp", "content-length"],
            ["stripe-signature", "content-encoding", "content-length"],
            ["x-shopify-hmac-sha256", "x-shopify-topic", "x-shopify-event-id"],
        ];
        let mut request = Request::post("/").body(full(body)).unwrap();
        for (name, value) in names[source].iter().zip(values) {
            if let Ok(value) = http::HeaderValue::from_bytes(&value) {
                request.headers_mut().append(*name, value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(bench.post_to(sources[source], request, StatusCode::OK));
        assert!(answer.status().is_client_error());
        assert_eq!(bench.runs(), 0);
    }
}

#[tokio::test]
async fn r_27_the_content_type_plays_no_part() {
    let bench = Bench::new();
    for (id, content_type) in [("a", "text/plain"), ("b", "multipart/form-data; boundary=x"), ("c", "\x7f\"garbage")] {
        let mut request = signed(id, "{}");
        if let Ok(value) = content_type.parse() {
            request.headers_mut().insert("content-type", value);
        }
        assert_eq!(bench.post(request).await.status(), StatusCode::OK, "{content_type:?}");
    }
}

#[tokio::test]
async fn r_28_only_post_is_accepted_unless_the_source_says_more() {
    let bench = Bench::with(|b| b.source(standard()).source(standard().named("put").also_method(Method::PUT)));
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let mut request = signed("evt", "{}");
        *request.method_mut() = method.clone();
        let answer = bench.post(request).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(header(&answer, "allow"), Some("POST"));
    }
    let mut put = signed("evt", "{}");
    *put.method_mut() = Method::PUT;
    assert_eq!(bench.post_to("put", put, StatusCode::OK).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn r_28_no_event_comes_by_get_even_where_handshakes_do() {
    let bench = Bench::with(|builder| builder.source(standard().also_method(Method::GET)));
    let mut get = signed("evt", "{}");
    *get.method_mut() = Method::GET;
    assert_eq!(bench.post(get).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(bench.runs(), 0);
}

#[tokio::test]
async fn r_28_the_query_makes_no_other_event() {
    let bench = Bench::new();
    bench.post(signed("evt", "{}")).await;
    let mut again = signed("evt", "{}");
    *again.uri_mut() = "/hooks?id=other&tenant=other".parse().unwrap();
    assert_eq!(header(&bench.post(again).await, "webhook-duplicate"), Some("true"));
    assert_eq!(bench.runs(), 1);
}

#[tokio::test]
async fn r_29_every_failed_check_gets_the_same_answer() {
    let bench = Bench::new();
    let spoil: [fn(&mut HeaderMap); 7] = [
        HeaderMap::clear,
        |headers| drop(headers.remove("webhook-signature")),
        |headers| drop(headers.remove("webhook-timestamp")),
        |headers| drop(headers.insert("webhook-signature", "v1,AAAA".parse().unwrap())),
        |headers| drop(headers.insert("webhook-timestamp", "1".parse().unwrap())),
        |headers| drop(headers.insert("webhook-id", "a.b".parse().unwrap())),
        |headers| assert!(headers.append("webhook-id", "evt2".parse().unwrap())),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut request = signed("evt", "{}");
        spoil(request.headers_mut());
        let answer = bench.post(request).await;
        assert!(matches!(reason(&answer), Some(RejectionKind::Unverified(_))), "{number}");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{number}");
        assert!(answer.headers().is_empty() && answer.body().is_empty(), "{number}");
    }
    let other_key = bench.post(signed_by(OTHER_SECRET, "evt", "{}")).await;
    assert_eq!((other_key.status().as_u16(), other_key.body().len()), (401, 0));
}

#[tokio::test]
async fn a_retiring_key_is_accepted_beside_the_current_one() {
    let old = STANDARD.key(OTHER_SECRET).unwrap();
    let bench = Bench::with(|builder| builder.source(standard().also_accept(old).unwrap()));
    assert_eq!(bench.post(signed("a", "{}")).await.status(), StatusCode::OK);
    assert_eq!(bench.post(signed_by(OTHER_SECRET, "b", "{}")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_signed_handshake_is_answered_after_the_check_only() {
    let bench = Bench::with(|builder| builder.source(Source::slack(TEXT_SECRET).unwrap()));
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#;
    let greeting = |secret| sign(&SLACK, &Key::text(secret).unwrap(), "", body);

    let answer = bench.post_to("slack", greeting(TEXT_SECRET), StatusCode::OK).await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"3eZbrw1aB"[..]));
    assert_eq!(header(&answer, "content-type"), Some("text/plain"));
    assert_eq!(bench.runs(), 0, "a handshake is no event");

    let forged = bench.post_to("slack", greeting("somebody else's secret"), StatusCode::OK).await;
    assert_eq!((forged.status(), forged.body().len()), (StatusCode::UNAUTHORIZED, 0));
}
