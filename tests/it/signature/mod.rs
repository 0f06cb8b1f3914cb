//! The `signature` module: published vectors, the rules of the receiver's checklist (`r_..`), hostile input.

mod challenges;
mod ed25519;
mod hostile;
mod http_message;
mod providers;
mod rules;
mod standard;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookwire::clock::Timestamp;
use hookwire::provider::{Checked, EventRef, Events, STANDARD, Scheme};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Signing, Tolerance, Trust, VerifyError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

const NOW: i64 = 1_700_000_000;
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"type":"invoice.paid"}"#;

/// One request and the moment it arrives.
#[derive(Clone)]
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
    tolerance: Option<Tolerance>,
}

impl Request {
    fn new(body: &[u8]) -> Self {
        let (method, uri, headers) = (Method::POST, Uri::from_static("/hooks"), HeaderMap::new());
        Self { method, uri, headers, body: body.into(), now: Timestamp::from_secs(NOW), tolerance: None }
    }

    /// Signed now, by Standard Webhooks, with these keys.
    fn signed(keys: &Keyring) -> Self {
        let mut request = Self::new(BODY);
        let signing = Signing { id: ID, timestamp: request.now, body: BODY };
        STANDARD.sign(&signing, keys, &mut request.headers).unwrap();
        request
    }

    /// Adds a line, whatever the name's case and however odd the value's bytes.
    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    /// Has this value instead.
    fn set(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.insert(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    fn at(mut self, secs: i64) -> Self {
        self.now = Timestamp::from_secs(secs);
        self
    }

    fn received(&self) -> Received<'_> {
        Received { method: &self.method, uri: &self.uri, headers: &self.headers, body: &self.body }
    }

    fn verify(&self, scheme: &Scheme, keys: &Keyring) -> Result<Checked, VerifyError> {
        let trust = Trust { tolerance: self.tolerance, ..Trust::new(keys, self.now) };
        scheme.verify(&self.received(), &trust)
    }

    fn identify(&self, scheme: &Scheme) -> Result<EventRef, VerifyError> {
        let keys = ring(SECRET);
        match scheme.events(&self.received(), &Trust::new(&keys, self.now))? {
            Events::One(event) => Ok(event),
            Events::Batch(_) => panic!("one event"),
        }
    }

    fn signature(&self) -> &str {
        self.headers["webhook-signature"].to_str().unwrap()
    }
}

fn ring(secret: &str) -> Keyring {
    Keyring::new(Key::parse(secret).unwrap())
}

fn key() -> Key {
    Key::parse(SECRET).unwrap()
}

fn unbase64(text: &serde_json::Value) -> Vec<u8> {
    BASE64.decode(text.as_str().unwrap()).unwrap()
}
