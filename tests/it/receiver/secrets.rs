//! Secrets as people paste them: which mistakes are corrected, and which errors name the remedy.

use std::collections::HashMap;

use hookwire::provider::{GITHUB, STANDARD, STRIPE, Scheme};
use hookwire::receiver::{Source, SourceConfig};
use hookwire::secret::{KeyError, Keyring};
use hookwire::signature::Settings;
use http::StatusCode;

use super::{Bench, OTHER_SECRET, SECRET, TEXT_SECRET, from_github, sign, signed, signed_by};

/// White space as a file, a variable or a copied line adds it.
const AROUND: [(&str, &str); 6] =
    [("", "\n"), ("", "\r\n"), (" ", ""), ("\t", " "), ("\u{feff}", "\n"), ("\n\n", "\n")];

async fn accepts_github(source: Source) {
    let bench = Bench::with(|builder| builder.source(source.named("github")));
    for (delivery, body) in [("d1", r#"{"a":1}"#), ("d2", r#"{"a":2}"#)] {
        let answer = bench.post_to("github", from_github(delivery, body), StatusCode::OK).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn white_space_around_a_secret_is_ignored_wherever_the_secret_comes_from() {
    for (before, behind) in AROUND {
        let secret = format!("{before}{TEXT_SECRET}{behind}");
        accepts_github(Source::github(&secret).unwrap()).await;
        accepts_github(Source::provider("github", &[&secret], Settings::default()).unwrap()).await;
        accepts_github(Source::github("another secret").unwrap().also_accept(GITHUB.key(&secret).unwrap()).unwrap())
            .await;
        let config =
            SourceConfig { provider: Some("github".into()), secret: Some(secret.clone()), ..SourceConfig::default() };
        accepts_github(config.source().unwrap()).await;
        let config = SourceConfig { secrets: vec!["another secret".into(), secret.clone()], secret: None, ..config };
        accepts_github(config.source().unwrap()).await;
        let resolve = move |_| {
            let key = GITHUB.key(&secret);
            async { Ok::<_, KeyError>(Some(("acme".into(), Keyring::new(key?)))) }
        };
        accepts_github(Source::resolved("github", &GITHUB, resolve)).await;
    }
}

#[test]
fn every_provider_reads_its_secret_with_a_newline_after_it() {
    let texts = HashMap::from([
        ("discord", "89cd7489bf665a36667ba46dfd521ca6713fd2f9ad842835340b244e98355f2a"),
        (
            "sendgrid",
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEI5pEM6L5mg6l7b5F70NDyfqyB8nsY5gpNNkgpwhq6BXOkuQzbbIQHvDlfK23NtdmnuTo09VLNIz7bDMhiB+BGw==",
        ),
    ]);
    let rsa = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtJe5PiJdYAcYlUL3swYJ\nTeDBJeyjQd1kwQ1rvcRgA2cVzhPHRMLD5CCDCp467g8YwFaVDYu0TD1GLUK7jke3\nqz0orKZ9+VPIHT9B+xQk9Fyue4NQLfUIPaElO4OfY8Kn56qxp0LS9fm8HCmXGBr4\n+AlLXoaAoyzYrkKtvi58ZxBs7Th4xxKA7S01O5L69/ZiPEM3Td5obhAbY70G+J1u\n7RLVHr8k0y+FmT2GEZP6R4z1KdVYjPDu3xQHMHm43m1BHn3p4MOoc1u3MyDflV75\nVJoZbiNJXuM8ACafZUmn2mDx53ZMKQ6+J+TqnzkhP46HNCCaXhsgROV3i2Fw0MTk\nawIDAQAB\n-----END PUBLIC KEY-----";
    let hex = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let all = [SECRET, hex, TEXT_SECRET, rsa];
    for provider in Scheme::all() {
        let own = texts
            .get(provider.name())
            .copied()
            .or_else(|| (provider.name() == "discord_events").then(|| texts["discord"]));
        let good = own.into_iter().chain(all).find(|text| provider.key(text).is_ok());
        let good = good.unwrap_or_else(|| panic!("{}: none of the secrets is valid", provider.name()));
        let plain = provider.key(good).unwrap().id();
        for (before, behind) in AROUND {
            let key = provider.key(&format!("{before}{good}{behind}"));
            assert_eq!(key.unwrap().id(), plain, "{}", provider.name());
        }
    }
}

#[test]
fn white_space_around_a_setting_is_ignored() {
    let settings = Settings::default().with("verify_token", "abc\n").with("verify_token", " def ");
    assert_eq!(settings.all("verify_token"), ["abc", "def"]);
}

#[tokio::test]
async fn a_version_before_a_standard_secret_is_ignored() {
    let plain = SECRET;
    for text in [format!("v1,{plain}"), format!(" v1,{plain}\n")] {
        for name in ["standard", "svix", "clerk", "resend", "openai", "gitlab"] {
            let source = Source::provider(name, &[&text], Settings::default());
            assert!(source.is_ok(), "{name} {text}: {source:?}");
        }
        let bench = Bench::with(|builder| builder.source(Source::standard(&text).unwrap()));
        assert_eq!(bench.post(signed_by(plain, "e1", "{}")).await.status(), StatusCode::OK, "{text}");
        assert_eq!(bench.post(signed_by(OTHER_SECRET, "e2", "{}")).await.status(), StatusCode::UNAUTHORIZED);
    }
}

#[test]
fn the_error_for_a_wrong_kind_of_secret_names_the_remedy() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----";
    let cases = [
        ("stripe", "\"whsec_abcdefghijklmnop\"", "is in quotes: remove them"),
        ("github", "'a long and random secret'", "is in quotes: remove them"),
        ("standard", "\u{201c}whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\u{201d}", "is in quotes: remove them"),
        ("stripe", "sk_live_51abcdefgh", "an API key: use the endpoint's signing secret, which begins with whsec_"),
        ("stripe", " sk_test_51abcdefgh\n", "an API key"),
        ("stripe", "rk_live_51abcdefgh", "a restricted API key"),
        ("stripe", "pk_live_51abcdefgh", "a publishable key"),
        ("standard", "sk_live_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an API key"),
        ("clerk", "pk_live_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a publishable key"),
        ("resend", "re_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an API key"),
        ("slack", "xoxb-1-2-abc", "a bot token"),
        ("shopify", "shpat_0123456789abcdef", "an access token"),
        ("github", "ghp_0123456789abcdef", "a personal access token"),
        ("twilio", "AC0123456789abcdef0123456789abcdef", "a SID"),
        ("github", pem, "a PEM file: use the secret, which is a text"),
        ("standard", pem, "a PEM file"),
        (
            "sendgrid",
            "-----BEGIN PRIVATE KEY-----\nMCowBQYDK2VwAyEA\n-----END PRIVATE KEY-----",
            "a private key: use the public one",
        ),
        ("stripe", "v1,whsec_abcdefghijklmnop", "remove the text before whsec_"),
        ("standard", "whsec_c2hvcnQ=", "must be 24 to 64: copy all of it"),
        ("standard", "whsec_not*base64", "is not standard base64: copy all of it"),
        (
            "standard",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_Sw",
            "URL-safe base64, but standard base64 is required: replace - with +",
        ),
        ("adyen", "xyz", "is not hexadecimal: copy all of it"),
        ("github", "abc", "is shorter than 4 bytes: copy all of it"),
        ("github", "changeme\n", "is a placeholder: replace it with the provider's secret"),
        ("github", " \n", "is empty"),
    ];
    for (provider, secret, problem) in cases {
        let error = Source::provider(provider, &[secret], Settings::default()).unwrap_err().to_string();
        assert!(error.starts_with("secret: ") && error.contains(problem), "{provider}: {error}");
        let config =
            SourceConfig { provider: Some(provider.into()), secret: Some(secret.into()), ..SourceConfig::default() };
        assert_eq!(config.source().unwrap_err().to_string(), error, "the same from a configuration");
    }
}

#[tokio::test]
async fn short_secrets_and_plain_passcodes_are_accepted_for_providers_that_use_them() {
    for (provider, secret) in
        [("shopify", "hush"), ("twilio", "12345"), ("figma", "pass"), ("postmark", "user:pw"), ("websub", "s3cret")]
    {
        let source = Source::provider(provider, &[secret], Settings::default().with("url", "https://a.example"));
        let source = source.or_else(|_| Source::provider(provider, &[secret], Settings::default()));
        assert!(source.is_ok(), "{provider}: {source:?}");
    }
    let key = STRIPE.key("whsec_test").unwrap();
    let bench = Bench::with(|builder| builder.source(Source::stripe("whsec_test\n").unwrap()));
    let answer = bench.post_to("stripe", sign(&STRIPE, &key, "e", r#"{"id":"e"}"#), StatusCode::OK).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_id_or_type_that_is_too_long_or_not_printable_counts_as_absent() {
    for (name, fits) in
        [("x".repeat(256), true), ("x".repeat(257), false), ("a\u{7f}".into(), false), ("\u{e9}t\u{e9}".into(), false)]
    {
        let bench = Bench::new();
        let body = serde_json::json!({ "type": name, "n": 1 }).to_string();
        let seen = std::sync::Mutex::new(None);
        let gate = bench.gate("standard");
        let answer = gate.receive(signed("e1", body), |verified| {
            *seen.lock().unwrap() = Some(verified.event_type().map(str::to_owned));
            async { StatusCode::OK }
        });
        assert_eq!(answer.await.status(), StatusCode::OK, "{name}");
        assert_eq!(*seen.lock().unwrap(), Some(fits.then(|| name.clone())), "the type");
        let mut request = from_github("d", r#"{"a":1}"#);
        let header = http::HeaderValue::from_bytes(name.replace('\u{7f}', "\u{1}").as_bytes());
        let Ok(header) = header.or_else(|_| http::HeaderValue::from_bytes(name.as_bytes())) else { continue };
        request.headers_mut().insert("x-github-delivery", header.clone());
        request.headers_mut().insert("x-github-event", header);
        let bench = Bench::with(|builder| builder.source(Source::github(TEXT_SECRET).unwrap()));
        let seen = std::sync::Mutex::new(None);
        let gate = bench.gate("github");
        let answer = gate.receive(request, |verified| {
            *seen.lock().unwrap() = Some((verified.event_id().is_some(), verified.event_type().is_some()));
            async { StatusCode::OK }
        });
        assert_eq!(answer.await.status(), StatusCode::OK, "{name}");
        assert_eq!(*seen.lock().unwrap(), Some((fits, fits)), "{name}");
    }
    assert!(STANDARD.key(SECRET).is_ok());
}
