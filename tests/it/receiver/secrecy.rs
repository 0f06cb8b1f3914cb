//! Rules R-30 and R-40: what is written to logs, traces and debug texts.

use bytes::Bytes;
use hookwire::provider::{Checked, EventRef, Events, Scheme, Verify};
use hookwire::receiver::{Accepted, Source};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Trust, VerifyError};
use http::{Request, StatusCode};
use http_body_util::Full;

use super::{Bench, SECRET, full, signed, standard};
use crate::support::log::Log;

/// Everything that `run` traces, at every level.
fn traced(run: impl Future<Output = ()>) -> String {
    let (log, _here) = Log::of_this_thread();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(run);
    log.text()
}

const PAYLOAD: &str = r#"{"type":"invoice.paid","iban":"DE89370400440532013000"}"#;

fn private_parts() -> Vec<String> {
    let signature = signed("evt_private", PAYLOAD).headers()["webhook-signature"].to_str().unwrap().to_owned();
    let bare = |text: &str, prefix: &str| text.strip_prefix(prefix).unwrap().to_owned();
    let secret = Key::parse(SECRET).unwrap().expose().to_string();
    vec![bare(&secret, "whsec_"), bare(&signature, "v1,"), "DE89370400440532013000".into(), "token=abc".into()]
}

#[test]
fn r_30_no_trace_holds_a_secret_a_signature_a_payload_or_a_url() {
    let bench = Bench::new();
    let request = || {
        let mut request = signed("evt_private", PAYLOAD);
        *request.uri_mut() = "/hooks/customer-7?token=abc".parse().unwrap();
        request
    };
    let text = traced(async {
        bench.post(request()).await;
        bench.post(request()).await;
        bench.post(request().map(|_| full(format!("{PAYLOAD} ")))).await;
        let mut late = request();
        late.headers_mut().insert("webhook-timestamp", "1600000000".parse().unwrap());
        bench.post(late).await;
        bench.store.fail("begin");
        bench.post(request()).await;
        bench.store.heal();
        bench.store.fail("finish");
        bench.post(signed("evt_2", PAYLOAD)).await;
        bench.store.fail("abandon");
        bench.post_to("standard", signed("evt_3", PAYLOAD), StatusCode::BAD_GATEWAY).await;
    });
    assert!(text.contains("webhook rejected") && text.contains("not verified"), "it is traced: {text}");
    assert!(text.contains("the disk is on fire"), "the operator sees the cause: {text}");
    assert!(text.contains("not recorded") && text.contains("lease was not released"), "{text}");
    for private in private_parts().iter().map(String::as_str).chain(["customer-7"]) {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

#[tokio::test]
async fn r_30_no_debug_text_holds_a_secret_a_signature_or_a_payload() {
    let bench = Bench::new();
    let request = signed("evt_private", PAYLOAD).map(|_| Bytes::from_static(PAYLOAD.as_bytes()));
    let Ok(Accepted::Event(verified)) = bench.gate("standard").verify(request).await else { panic!("signed") };
    let forged = Request::post("/?token=abc").header("webhook-signature", "v1,AAAA").body(Bytes::new()).unwrap();
    let rejection = bench.gate("standard").verify(forged).await.unwrap_err();

    let text = format!(
        "{:?} {:?} {:?} {verified:?} {rejection:?} {rejection}",
        bench.receiver,
        bench.gate("standard"),
        bench.receiver.gate("standard"),
    );
    assert!(text.contains("evt_private"), "an operator needs the id");
    for private in private_parts() {
        assert!(!text.contains(&private), "{private} in {text}");
    }
}

#[test]
fn one_rejection_is_one_trace_event() {
    let bench = Bench::new();
    let text = traced(async {
        bench.post(Request::post("/").body(full("{}")).unwrap()).await;
    });
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// A custom scheme that returns everything as the sender wrote it.
static CREDULOUS: Scheme = Scheme::new("own", "https://example.com").code(&Credulous);

#[derive(Debug)]
struct Credulous;

impl Verify for Credulous {
    fn verify(&self, _: &Received<'_>, _: &Trust<'_>) -> Result<Checked, VerifyError> {
        Ok(Checked::Event { signed_at: None })
    }

    fn events(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Events, VerifyError> {
        let id = String::from_utf8_lossy(received.headers["x-id"].as_bytes()).into_owned();
        Ok(Events::One(EventRef {
            event_type: Some(id.clone()),
            id: Some(id),
            id_authenticated: true,
            ..EventRef::default()
        }))
    }
}

#[tokio::test]
async fn r_40_an_id_that_is_long_or_unprintable_counts_as_absent() {
    let ring = || Keyring::new(Key::parse(SECRET).unwrap());
    let bench = Bench::with(|b| b.source(standard()).source(Source::new("own", &CREDULOUS, ring())));
    let long = "x".repeat(257);
    for (number, id) in ["", "\u{1b}[2J", "a\tb", "ünïcode", &long].into_iter().enumerate() {
        let value = http::HeaderValue::from_bytes(id.as_bytes());
        let Ok(value) = value else { continue };
        let body = Bytes::from(number.to_string());
        let request = || Request::post("/").header("x-id", value.clone()).body(body.clone()).unwrap();
        let Ok(Accepted::Event(verified)) = bench.gate("own").verify(request()).await else { panic!("{id:?}") };
        assert_eq!((verified.event_id(), verified.event_type()), (None, None), "{id:?}");

        // The event is not lost: an event without an identity is handled.
        for _ in 0..2 {
            let answer = bench.post_to("own", request().map(Full::new), StatusCode::OK).await;
            assert_eq!(answer.headers().get("webhook-duplicate"), None, "{id:?}");
        }
    }
}
