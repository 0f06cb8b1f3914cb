//! The verification of each provider's scheme, compared with the bare MAC that it has to compute.
//!
//! The request is a valid vector of the provider with another body, so the signature does not match. Verification never exits early
//! (rule R-01), so a mismatch takes the same time as a match.

use std::error::Error;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac, digest::CtOutput};
use hookwire::clock::Timestamp;
use hookwire::provider::Scheme;
use hookwire::secret::Keyring;
use hookwire::signature::{Received, Settings, Trust, VerifyError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use super::{median, timed};

const ROUNDS: usize = 41;

/// A valid request of a provider. Its body is replaced by one of the measured size.
struct Sample {
    provider: &'static Scheme,
    hash: String,
    secret: String,
    settings: Settings,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
}

/// Prints the nanoseconds and the ratio to the bare MAC, at 1 KiB and at 64 KiB. The bare MAC covers as many bytes as the scheme signs.
pub(crate) fn report() -> Result<(), Box<dyn Error>> {
    println!("\nverification of each scheme with one MAC over the body, and its ratio to the bare MAC");
    let only = std::env::var("HOOKWIRE_BENCH_ONLY").ok();
    let mut samples = samples()?;
    samples.retain(|sample| only.as_deref().is_none_or(|only| only == sample.provider.name()));
    for (bytes, calls, goal) in [(1 << 10, 200, 1.3), (64 << 10, 8, 1.1)] {
        println!("{bytes} bytes (goal: each at most {goal} of its MAC)");
        for sample in &samples {
            let (ours, bare) = sample.measure(bytes, calls)?;
            let flag = if ours / bare > goal { "  OVER" } else { "" };
            println!("  {:<26} {ours:>8.0} ns  {:>5.2}{flag}", sample.provider.name(), ours / bare);
        }
    }
    Ok(())
}

fn samples() -> Result<Vec<Sample>, Box<dyn Error>> {
    let mut samples: Vec<Sample> = Vec::new();
    for file in ["providers-a.json", "providers-b.json"] {
        let path = hookwire_tests::root().join("tests/vectors").join(file);
        let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path)?)?;
        for case in cases.iter().filter(|case| case["expect"] == "ok" && case["method"] == "POST") {
            let known = |sample: &Sample| sample.provider.name() == case["provider"];
            if samples.iter().any(known) || case["extra"]["scheme"].is_string() {
                continue;
            }
            samples.extend(sample(case)?);
        }
    }
    Ok(samples)
}

fn sample(case: &Value) -> Result<Option<Sample>, Box<dyn Error>> {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let Some(provider) = Scheme::named(text("provider")) else { return Ok(None) };
    let Some(hash) = hash(provider) else { return Ok(None) };
    let mut settings = Settings::default().with("url", text("url"));
    for (name, value) in case["params"].as_object().into_iter().flatten() {
        settings = settings.with(name, value.as_str().unwrap_or_default());
    }
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::from_str(value.as_str().unwrap_or_default())?);
    }
    let now = Timestamp::from_secs(case["now_unix"].as_i64().unwrap_or_default());
    let (secret, uri, body) = (text("secret").to_owned(), text("url").parse()?, BASE64.decode(text("body_base64"))?);
    Ok(Some(Sample { provider, hash, secret, settings, method: Method::POST, uri, headers, body, now }))
}

/// Returns the hash of a scheme that computes one MAC over the body; `None` for other schemes.
fn hash(provider: &Scheme) -> Option<String> {
    provider.signed_by().filter(|_| provider.covers_body())?;
    let proof = fact(provider, "proof");
    // Of several hashes, the last one is the strongest.
    let hashes = proof.strip_prefix("HMAC ")?.split([',', ' ']).next()?;
    hashes.rsplit('/').next().map(str::to_owned)
}

/// Returns what the guide's table says of a scheme.
fn fact(provider: &Scheme, name: &str) -> String {
    let found = provider.facts().into_iter().find(|(fact, _)| *fact == name);
    found.map(|(_, text)| text.into_owned()).unwrap_or_default()
}

impl Sample {
    /// Returns the vector's body padded to `bytes`, or another JSON object if that body is not an object or is too long.
    fn padded(&self, bytes: usize) -> Vec<u8> {
        let rest = self.body.strip_prefix(b"{").filter(|rest| rest.starts_with(b"\"") && rest.len() + 16 < bytes);
        let rest = rest.unwrap_or(br#""id":"1"}"#);
        let pad = "x".repeat(bytes - rest.len() - 10);
        [format!(r#"{{"pad":"{pad}","#).as_bytes(), rest].concat()
    }

    /// Returns about how many bytes are signed besides the body.
    fn signed_besides_body(&self) -> usize {
        let bytes = |part: &str| match part {
            "time" => 20,
            "id" => 36,
            "URL" => self.uri.to_string().len(),
            _ => 0,
        };
        fact(self.provider, "covers").split(", ").map(bytes).sum()
    }

    /// Returns the nanoseconds of the verification and of the bare MAC.
    fn measure(&self, bytes: usize, calls: u32) -> Result<(f64, f64), Box<dyn Error>> {
        let body = self.padded(bytes);
        let keys = Keyring::new(self.provider.key(&self.secret)?);
        let (method, uri) = (&self.method, &self.uri);
        let received = Received { method, uri, headers: &self.headers, body: &body };
        let trust = Trust { settings: &self.settings, ..Trust::new(&keys, self.now) };
        let verify = || self.provider.verify(black_box(&received), &trust);
        match verify() {
            Err(VerifyError::BadSignature) => {}
            other => return Err(format!("{}: {other:?}", self.provider.name()).into()),
        }
        let presented = BASE64.encode([7; 64]);
        let body = [body.clone(), vec![b'-'; self.signed_besides_body()]].concat();
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(timed(calls, || verify().is_err()));
            bare.push(match &*self.hash {
                "sha1" => timed_mac::<Hmac<sha1::Sha1>>(calls, &body, &presented)?,
                "sha256" => timed_mac::<Hmac<sha2::Sha256>>(calls, &body, &presented)?,
                "sha384" => timed_mac::<Hmac<sha2::Sha384>>(calls, &body, &presented)?,
                _ => timed_mac::<Hmac<sha2::Sha512>>(calls, &body, &presented)?,
            });
        }
        Ok((median(&mut ours), median(&mut bare)))
    }
}

/// Measures one MAC with a prepared key, one decoding and one comparison.
fn timed_mac<M: Mac + KeyInit + Clone>(calls: u32, body: &[u8], presented: &str) -> Result<f64, Box<dyn Error>> {
    let ready = <M as KeyInit>::new_from_slice(b"a key of some length").map_err(|_| "a key of any length")?;
    Ok(timed(calls, || {
        let mut mac = ready.clone();
        mac.update(black_box(body));
        let tag: CtOutput<M> = mac.finalize();
        let mut bytes = [0; 96];
        let length = BASE64.decode_slice(black_box(presented), &mut bytes).unwrap_or_default();
        use subtle::ConstantTimeEq as _;
        let same: bool = bytes.get(..length).unwrap_or_default().ct_eq(&tag.into_bytes()).into();
        !same
    }))
}
