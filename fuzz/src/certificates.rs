//! Valid certificate chains and the messages that they sign, from the published vectors.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use hookwire::signature::Settings;
use serde_json::Value;

const APPLE: (&str, &str, &str) =
    (include_str!("../../tests/vectors/providers-d.json"), "apple_app_store", "another_app");
const SNS: (&str, &str, &str) =
    (include_str!("../../tests/vectors/providers-b.json"), "aws_sns", "aws_sns: SubscriptionConfirmation, version 2");

/// A notification of Apple that is valid with its settings.
#[derive(Clone, Debug)]
pub struct Apple {
    /// The header of its token.
    pub header: String,
    /// The certificates in the header, the leaf first.
    pub chain: Vec<Vec<u8>>,
    /// The claims and the signature.
    pub rest: String,
    /// The settings with which it is valid.
    pub settings: Settings,
    /// The time at which it is valid, in seconds since 1970.
    pub now: i64,
}

/// A message of SNS that is valid with its settings.
#[derive(Clone, Debug)]
pub struct Sns {
    /// The message.
    pub body: String,
    /// The URL of its certificate.
    pub url: String,
    /// The certificate.
    pub leaf: Vec<u8>,
    /// The settings with which it is valid.
    pub settings: Settings,
    /// The time at which it is valid, in seconds since 1970.
    pub now: i64,
}

/// Reads the notification of Apple.
///
/// # Panics
/// Panics if the vector does not exist.
#[must_use]
pub fn apple() -> Apple {
    let (vector, body) = vector(APPLE);
    let body: Value = serde_json::from_str(&body).unwrap();
    let (header, rest) = body["signedPayload"].as_str().unwrap().split_once('.').unwrap();
    let fields: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let chain = fields["x5c"].as_array().unwrap().iter();
    Apple {
        header: header.to_owned(),
        chain: chain.map(|der| BASE64.decode(der.as_str().unwrap()).unwrap()).collect(),
        rest: rest.to_owned(),
        settings: Settings::default()
            .with("bundle_id", "com.other")
            .with("trust_root_pem", vector["params"]["trust_root_pem"].as_str().unwrap()),
        now: vector["now_unix"].as_i64().unwrap(),
    }
}

/// Reads the message of SNS.
///
/// # Panics
/// Panics if the vector does not exist.
#[must_use]
pub fn sns() -> Sns {
    let (vector, body) = vector(SNS);
    let params = &vector["params"];
    let (url, pem) = params["certs"].as_object().unwrap().iter().next().unwrap();
    let pem = pem.as_str().unwrap();
    let end = pem.find("-----END").unwrap();
    let lines = pem[..end].lines().filter(|line| !line.starts_with('-'));
    Sns {
        body,
        url: url.clone(),
        leaf: BASE64.decode(lines.collect::<String>()).unwrap(),
        settings: Settings::default()
            .with("topic_arns", params["topic_arns"][0].as_str().unwrap())
            .with("trust_root_pem", params["trust_root_pem"].as_str().unwrap()),
        now: vector["now_unix"].as_i64().unwrap(),
    }
}

fn vector((file, provider, name): (&str, &str, &str)) -> (Value, String) {
    let vectors: Vec<Value> = serde_json::from_str(file).unwrap();
    let vector = vectors.into_iter().find(|it| it["provider"] == provider && it["name"] == name).unwrap();
    let body = BASE64.decode(vector["body_base64"].as_str().unwrap()).unwrap();
    (vector, String::from_utf8(body).unwrap())
}
