//! R-15 to R-20, R-26 to R-29, R-33: which requests verification accepts and refuses.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use hookwire::provider::{SLACK, STANDARD};
use hookwire::receiver::{Accepted, RejectionKind, Source};
use hookwire::secret::{Key, Keyring};

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
async fn r_17_a_rejected_request_changes_nothing() {
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

fn by_path() -> Source {
    let keys = |tenant: &'static str, secret| Some((tenant.into(), Keyring::new(Key::parse(secret).unwrap())));
    Source::resolved("shared", &STANDARD, move |path| async move {
        match path.as_str() {
            "/a" => Ok(keys("acme", SECRET)),
            "/b" => Ok(keys("bolt", OTHER_SECRET)),
            "/broken" => Err("the vault is unavailable"),
            _ => Ok(None),
        }
    })
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
        "bolt's key is refused at acme's route, whatever the payload contains"
    );
    assert!(gate.verify(at("/a?path=/b", of_bolt())).await.is_err(), "the query does not select keys");
    assert!(gate.verify(at("/b?path=/a", of_bolt())).await.is_ok(), "and is not part of the route");
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
    fn r_26_no_request_makes_the_receiver_panic(
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
async fn r_27_the_content_type_does_not_affect_verification() {
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
async fn r_28_only_post_is_accepted_unless_the_source_allows_more_methods() {
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
async fn r_28_a_get_request_is_never_an_event_even_if_handshakes_use_get() {
    let bench = Bench::with(|builder| builder.source(standard().also_method(Method::GET)));
    let mut get = signed("evt", "{}");
    *get.method_mut() = Method::GET;
    assert_eq!(bench.post(get).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(bench.runs(), 0);
}

#[tokio::test]
async fn r_28_the_query_does_not_make_another_event() {
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
async fn a_signed_handshake_is_answered_only_after_the_check() {
    let bench = Bench::with(|builder| builder.source(Source::slack(TEXT_SECRET).unwrap()));
    let body = r#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#;
    let greeting = |secret| sign(&SLACK, &Key::text(secret).unwrap(), "", body);

    let answer = bench.post_to("slack", greeting(TEXT_SECRET), StatusCode::OK).await;
    assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"3eZbrw1aB"[..]));
    assert_eq!(header(&answer, "content-type"), Some("text/plain"));
    assert_eq!(bench.runs(), 0, "a handshake is not an event");

    let forged = bench.post_to("slack", greeting("somebody else's secret"), StatusCode::OK).await;
    assert_eq!((forged.status(), forged.body().len()), (StatusCode::UNAUTHORIZED, 0));
}
