//! The official libraries verify our signatures, and we verify theirs. The management API behaves as its description says.
//!
//! They must be installed: `tests/interop/install FOLDER`, and `HOOKWIRE_INTEROP=FOLDER` while testing. Without the variable
//! the test prints that it did not run; with `HOOKWIRE_TEST_REQUIRE=1` it fails then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "says what did not run")]
#![expect(unreachable_pub, reason = "modules of a test binary share freely")]

mod agent;
mod peer;
mod schemathesis;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::provider::twilio_signature;
use hookwire::receiver::{Accepted, Receiver, Source};
use hookwire::signature::{Settings, Signing};
use hookwire::store::MemoryDedup;
use http::{HeaderMap, Request};
use peer::{Job, Peer, Task};

const URL: &str = "https://example.com/hooks?tenant=a%20b";
const JSON: &str = r#"{"type":"invoice.paid","id":"evt_1","name":"Zoë 🦀"}"#;
const FORM: &str = "From=%2B14155550100&Body=Hello+there&Empty=&To=%2B14155550199";
const ID: &str = "evt_0190b3c2d4e5f60718293a4b5c6d7e8f";

/// A source, its secret, what it sends, and which libraries can sign for it.
struct Provider {
    name: &'static str,
    secret: &'static str,
    body: &'static str,
}

static PROVIDERS: [Provider; 6] = [
    Provider { name: "standard", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body: JSON },
    Provider { name: "stripe", secret: "whsec_a_secret_of_stripe", body: JSON },
    Provider { name: "github", secret: "It's a Secret to Everybody", body: JSON },
    Provider { name: "svix", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body: JSON },
    Provider { name: "twilio", secret: "12345678901234567890123456789012", body: FORM },
    Provider { name: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", body: FORM },
];

impl Provider {
    fn source(&self) -> Source {
        let settings = match self.name {
            "twilio" => Settings::default().with("url", "https://example.com"),
            _ => Settings::default(),
        };
        Source::provider(self.name, &[self.secret], settings).unwrap()
    }

    fn job(&self, task: Task, headers: HeaderMap) -> Job {
        Job {
            library: self.name,
            task,
            secret: self.secret,
            url: URL,
            headers,
            body: self.body.into(),
            id: ID,
            timestamp: SystemClock.now().as_secs(),
        }
    }

    fn signed(&self) -> HeaderMap {
        let provider = hookwire::provider::Scheme::named(self.name).unwrap();
        let key = provider.key(self.secret).unwrap();
        let mut headers = HeaderMap::new();
        if self.name == "twilio" {
            let signature = twilio_signature(&key, URL, self.body.as_bytes()).unwrap();
            headers.insert("x-twilio-signature", signature.try_into().unwrap());
        } else {
            let signing = Signing { id: ID, timestamp: SystemClock.now(), body: self.body.as_bytes() };
            provider.sign(&signing, &key.into(), &mut headers).unwrap();
        }
        headers
    }

    fn content_type(&self) -> &'static str {
        if self.body == FORM { "application/x-www-form-urlencoded" } else { "application/json" }
    }

    async fn accepts(&self, headers: HeaderMap, body: &str) -> bool {
        let receiver = Receiver::builder(MemoryDedup::new()).source(self.source()).build().unwrap();
        let request = Request::post(URL).header("content-type", self.content_type());
        let mut request = request.body(body.to_owned().into()).unwrap();
        request.headers_mut().extend(headers);
        matches!(receiver.gate(self.name).unwrap().verify(request).await, Ok(Accepted::Event(_)))
    }
}

#[test]
fn the_official_libraries_accept_what_we_sign_and_refuse_it_with_another_body() {
    for mut peer in Peer::all() {
        for provider in peer.knows(&PROVIDERS, Task::Verify) {
            let good = provider.job(Task::Verify, provider.signed());
            assert!(peer.verifies(&good), "{} by {peer:?}", provider.name);
            let bad = Job { body: good.body.replacen('e', "E", 1), ..good };
            assert!(!peer.verifies(&bad), "{} by {peer:?}", provider.name);
        }
    }
}

#[tokio::test]
async fn we_accept_what_the_official_libraries_sign_and_refuse_it_with_another_body() {
    for mut peer in Peer::all() {
        for provider in peer.knows(&PROVIDERS, Task::Sign) {
            let headers = peer.signs(&provider.job(Task::Sign, HeaderMap::new()));
            assert!(provider.accepts(headers.clone(), provider.body).await, "{} by {peer:?}", provider.name);
            let other = provider.body.replacen('e', "E", 1);
            assert!(!provider.accepts(headers, &other).await, "{} by {peer:?}", provider.name);
        }
    }
}
