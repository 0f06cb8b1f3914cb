//! Certificates and keys that schemes fetch: what a stranger can make us fetch, and what a flood of strangers cannot stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::fetch::{Fetch, FetchError};
use hookwire::receiver::{Accepted, Gate, Receiver, Rejection, Source};
use hookwire::signature::Settings;
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use http::StatusCode;
use serde_json::Value;

use super::case::{Case, all};

/// The provider's documents by URL, or by the id of a key that is asked for; anything else is answered with junk, which fills a
/// cache as well as a document does.
#[derive(Clone, Debug, Default)]
struct Publisher {
    documents: Arc<HashMap<String, String>>,
    fetches: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Fetch for Publisher {
    async fn fetch(&self, url: &str, post: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let requested: Option<Value> = post.map(|post| serde_json::from_slice(&post).unwrap());
        let name = requested.as_ref().and_then(|requested| requested["key_id"].as_str()).unwrap_or(url);
        Ok(self.documents.get(name).cloned().unwrap_or_else(|| "junk".into()).into())
    }
}

/// A good request of a provider, and what the provider publishes.
struct Scenario {
    good: Case,
    publisher: Publisher,
    gate: Gate,
    clock: ManualClock,
}

/// The first good vector of this name, without the documents that it brings along.
fn scenario(source: &str, name: &str) -> Scenario {
    let mut good = all().into_iter().find(|case| case.source == source && case.name.contains(name)).unwrap();
    let map = |text: &str| serde_json::from_str::<HashMap<String, String>>(text).unwrap();
    let mut documents = HashMap::new();
    let mut settings = Settings::default().with("client_id", "id").with("api_secret", "secret");
    for name in good.settings.names() {
        for value in good.settings.all(name) {
            match name {
                "certs" => documents.extend(map(value)),
                "lifecycle_keys" => documents.extend(
                    map(value)
                        .into_iter()
                        .map(|(kid, pem)| (format!("https://connect-install-keys.atlassian.com/{kid}"), pem)),
                ),
                "jwks" => documents.extend(
                    serde_json::from_str::<Value>(value).unwrap()["keys"].as_array().unwrap().iter().map(|key| {
                        (key["kid"].as_str().unwrap().to_owned(), serde_json::json!({ "key": key }).to_string())
                    }),
                ),
                _ => settings = settings.with(name, value),
            }
        }
    }
    good.settings = settings;
    let publisher = Publisher { documents: Arc::new(documents), fetches: Arc::default() };
    let clock = ManualClock::at(Timestamp::from_secs(good.now));
    let secrets: Vec<_> = good.secrets.iter().map(String::as_str).collect();
    let known = known_settings(&good);
    let source = Source::provider(&good.source, &secrets, known).unwrap();
    let receiver = Receiver::builder(MemoryDedup::new())
        .source(source)
        .fetch(publisher.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let gate = receiver.gate(&good.source).unwrap();
    Scenario { good, publisher, gate, clock }
}

/// The settings that the provider knows: others are rejected.
fn known_settings(case: &Case) -> Settings {
    let scheme = hookwire::provider::Scheme::named(&case.source).unwrap();
    let names = scheme.known_settings().iter().map(|setting| setting.name);
    names
        .flat_map(|name| case.settings.all(name).iter().map(move |value| (name, value)))
        .fold(Settings::default(), |settings, (name, value)| settings.with(name, value))
}

fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("aws_sns", "real message, version 2, no Subject"),
        scenario("paypal", "PAYMENT.SALE.COMPLETED"),
        scenario("plaid", "SYNC_UPDATES_AVAILABLE"),
        scenario("atlassian_connect", "installed lifecycle callback"),
    ]
}

/// The same request, naming a document that a stranger has thought up.
fn junk(good: &Case, number: usize) -> Case {
    let mut case = good.clone();
    if case.source == "aws_sns" {
        let mut body: Value = serde_json::from_slice(&case.body).unwrap();
        let url = format!("https://sns.us-east-2.amazonaws.com/SimpleNotificationService-{number:032x}.pem");
        body["SigningCertURL"] = url.into();
        case.body = body.to_string().into_bytes();
    }
    for (name, value) in &mut case.headers {
        match &*name.to_ascii_lowercase() {
            "paypal-cert-url" => {
                *value = format!("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-{number}");
            }
            "plaid-verification" | "authorization" => {
                let (start, token) = value.rsplit_once(' ').map_or(("", &**value), |(_, token)| ("JWT ", token));
                let (_, rest) = token.split_once('.').unwrap();
                let alg = if start.is_empty() { "ES256" } else { "RS256" };
                let header = serde_json::json!({ "alg": alg, "kid": format!("junk-{number}"), "typ": "JWT" });
                *value = format!("{start}{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
            }
            _ => {}
        }
    }
    case
}

impl Scenario {
    async fn verify(&self, case: &Case) -> Result<Accepted, Rejection> {
        self.gate.verify(case.request()).await
    }

    async fn flood(&self, from: usize) {
        for number in from..from + 1_000 {
            assert!(self.verify(&junk(&self.good, number)).await.is_err());
        }
    }

    fn fetches(&self) -> usize {
        self.publisher.fetches.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_thousand_unsigned_requests_make_eight_fetches_and_do_not_displace_the_true_document() {
    for scenario in scenarios() {
        let source = scenario.good.source.clone();
        assert!(scenario.verify(&scenario.good).await.is_ok(), "{source}");
        assert_eq!(scenario.fetches(), 1, "{source}");
        scenario.flood(0).await;
        assert_eq!(scenario.fetches(), 8, "{source}");
        assert!(scenario.verify(&scenario.good).await.is_ok(), "{source}");
        assert_eq!(scenario.fetches(), 8, "{source}: the true document is at hand");
    }
}

#[tokio::test]
async fn a_key_that_a_provider_has_just_begun_to_use_gets_through_a_flood_at_its_second_try() {
    for scenario in scenarios() {
        let source = scenario.good.source.clone();
        scenario.flood(0).await;
        let rejected = scenario.verify(&scenario.good).await.unwrap_err();
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE, "{source}: the provider is asked to try again");
        scenario.flood(1_000).await;
        assert!(scenario.verify(&scenario.good).await.is_ok(), "{source}");
    }
}

#[tokio::test]
async fn what_can_be_rejected_without_a_key_makes_no_fetch() {
    for scenario in scenarios() {
        scenario.clock.advance(Duration::from_hours(24 * 30));
        assert!(scenario.verify(&scenario.good).await.is_err());
        assert_eq!(scenario.fetches(), 0, "{}: a request of last month", scenario.good.source);
    }
    let mut scenario = scenario("aws_sns", "real message, version 2, no Subject");
    let mut body: Value = serde_json::from_slice(&scenario.good.body).unwrap();
    body["TopicArn"] = "arn:aws:sns:us-east-2:123456789012:other".into();
    scenario.good.body = body.to_string().into_bytes();
    assert!(scenario.verify(&scenario.good).await.is_err());
    assert_eq!(scenario.fetches(), 0, "a topic that is not ours");
}
