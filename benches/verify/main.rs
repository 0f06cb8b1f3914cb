//! The time of a verification, compared with the minimum that a verification needs. `HOOKWIRE_BENCH_ONLY=shopify` measures one
//! provider's scheme.
//!
//! The programs take turns over many rounds, and the medians are compared, so that other load on the machine affects all alike. The
//! minimum (the bare MAC) is what every verifier of Standard Webhooks must do: find the three headers, compute one MAC with a prepared
//! key, decode one signature, and compare.
#![expect(clippy::print_stdout, reason = "a benchmark reports")]

mod schemes;

use std::error::Error;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hookwire::clock::{Clock as _, SystemClock, Timestamp};
use hookwire::provider::STANDARD;
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Signing, Trust};
use http::{HeaderMap, Method, Uri};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ROUNDS: usize = 201;
const CALLS: u32 = 1_000;

/// One request, signed with the current time, because `standardwebhooks` reads the system clock.
struct Request {
    now: Timestamp,
    headers: HeaderMap,
    body: Vec<u8>,
    keys: Keyring,
}

impl Request {
    fn signed() -> Result<Self, Box<dyn Error>> {
        let (now, keys) = (SystemClock.now(), Keyring::new(Key::parse(SECRET)?));
        let body = format!(r#"{{"type":"invoice.paid","data":"{}"}}"#, "x".repeat(1024 - 33)).into_bytes();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        headers.insert("user-agent", http::HeaderValue::from_static("bench"));
        let signing = Signing { id: "evt_0190b3c2d4e5f60718293a4b5c6d7e8f", timestamp: now, body: &body };
        STANDARD.sign(&signing, &keys, &mut headers)?;
        Ok(Self { now, headers, body, keys })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::var_os("HOOKWIRE_BENCH_ONLY").is_none() {
        standard()?;
    }
    schemes::report()
}

/// Measures Standard Webhooks against the bare MAC and the `standardwebhooks` crate.
fn standard() -> Result<(), Box<dyn Error>> {
    let request = Request::signed()?;
    let peer = standardwebhooks::Webhook::new(SECRET)?;
    let prepared = Hmac::<Sha256>::new_from_slice(&BASE64.decode(SECRET.trim_start_matches("whsec_"))?)?;
    let (mut ours, mut bare, mut theirs, mut sign) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(timed(CALLS, || bare_mac(&prepared, &request)));
        ours.push(timed(CALLS, || verify(&request)));
        theirs.push(timed(CALLS, || peer.verify(&request.body, &request.headers).is_ok()));
        sign.push(timed(CALLS, || signed(&request)));
    }
    let bare = median(&mut bare);
    println!("{} bytes, {ROUNDS} rounds of {CALLS} calls, medians", request.body.len());
    for (name, times) in
        [("hookwire verify", &mut ours), ("standardwebhooks", &mut theirs), ("hookwire sign", &mut sign)]
    {
        let time = median(times);
        println!("{name:<20} {time:>7.0} ns  {:>5.2} of the bare MAC", time / bare);
    }
    println!("{:<20} {bare:>7.0} ns  (goal for verify: <= 1.15 of it)", "bare MAC");
    Ok(())
}

/// Returns the nanoseconds of one call.
fn timed(calls: u32, mut call: impl FnMut() -> bool) -> f64 {
    let start = SystemClock.uptime();
    for _ in 0..calls {
        assert!(black_box(call()), "everything here is valid");
    }
    (SystemClock.uptime() - start).as_secs_f64() * 1e9 / f64::from(calls)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn verify(request: &Request) -> bool {
    let (method, uri) = (Method::POST, Uri::from_static("/hooks"));
    let received = Received { method: &method, uri: &uri, headers: &request.headers, body: &request.body };
    STANDARD.verify(black_box(&received), &Trust::new(&request.keys, request.now)).is_ok()
}

fn signed(request: &Request) -> bool {
    let mut headers = HeaderMap::with_capacity(8);
    let signing = Signing { id: "evt_0190b3c2d4e5f60718293a4b5c6d7e8f", timestamp: request.now, body: &request.body };
    STANDARD.sign(black_box(&signing), &request.keys, &mut headers).is_ok()
}

fn bare_mac(prepared: &Hmac<Sha256>, request: &Request) -> bool {
    let header = |name: &str| black_box(&request.headers).get(name).map_or(&b""[..], http::HeaderValue::as_bytes);
    let mut mac = prepared.clone();
    for part in [header("webhook-id"), b".", header("webhook-timestamp"), b".", request.body.as_slice()] {
        mac.update(part);
    }
    let tag = mac.finalize().into_bytes();
    let mut presented = [0; 33];
    let text = header("webhook-signature").get(3..).unwrap_or_default();
    BASE64
        .decode_slice(text, &mut presented)
        .is_ok_and(|length| presented.get(..length).is_some_and(|bytes| tag.ct_eq(bytes).into()))
}
