//! Sources and schemes from configuration: what is valid, and which field an error names.

use hookwire::provider::Scheme;

use hookwire::receiver::{Receiver, Source, SourceConfig};
use hookwire::signature::Settings;
use hookwire::store::MemoryDedup;

use super::TEXT_SECRET;

#[derive(Debug, serde::Deserialize)]
struct Config {
    sources: Vec<SourceConfig>,
}

fn build(toml: &str) -> Result<Receiver, String> {
    let config: Config = toml::from_str(toml).map_err(|error| error.to_string())?;
    let builder = Receiver::builder(MemoryDedup::new()).sources(config.sources).map_err(|error| error.to_string())?;
    builder.build().map_err(|error| error.to_string())
}

#[test]
fn an_error_names_the_source_and_the_field() {
    let cases = [
        ("provider = 'strype'\nsecret = 'x y z'", "sources[1].provider: strype is unknown"),
        ("provider = 'stripe'", "sources[1].secret: is missing"),
        ("provider = 'stripe'\nsecret = ''", "sources[1].secret: is empty: set it"),
        ("provider = 'mandrill'\nsecret = 'x y z'", "sources[1].settings: webhook_url is missing"),
        ("provider = 'stripe'\nsecret = 'x y z'\nsettings = { url = 'u' }", "sources[1].settings: url is unknown"),
        ("secret = 'x y z'", "sources[1].provider: is missing; set provider or scheme"),
        (
            "provider = 'stripe'\nsecret = 'x y z'\ntolerance_secs = 0",
            "sources[1].tolerance_secs: must be more than zero",
        ),
    ];
    for (text, error) in cases {
        let toml = format!("[[sources]]\nprovider = 'github'\nsecret = 'It is a secret'\n[[sources]]\n{text}\n");
        assert_eq!(build(&toml).unwrap_err(), error);
    }
}

#[test]
fn an_error_in_a_scheme_names_the_field() {
    let good = "algorithm = 'hmac-sha256'\nencoding = 'hex'\nheaders = ['x-sig']\n";
    let cases = [
        ("algorithm = 'md5'\nencoding = 'hex'\nheaders = ['x']".to_owned(), "signature.algorithm: `md5` is invalid"),
        (good.replace("hex", "base32"), "signature.encoding: `base32` is invalid"),
        (good.replace("['x-sig']", "[]"), "signature.headers: is empty"),
        (good.replace("x-sig", "x sig"), "signature.headers: `x sig` is not a header name"),
        (format!("{good}signed = '{{ts}}.{{body}}'"), "signature.signed: has the time, but the scheme has none"),
        (format!("{good}signed = ''"), "signature.signed: is empty"),
        (format!("{good}signed = '{{body'"), "signature.signed: `{` is not closed"),
        (format!("{good}time = {{ header = 'x-time' }}"), "signature.time: is not signed"),
        (format!("{good}key = 'ed25519-hex'"), "signature.key: does not fit the algorithm"),
    ];
    for (signature, error) in cases {
        let toml = format!(
            "[[sources]]\nsecret = 'x y z'\n[sources.scheme]\nname = 'own'\n[sources.scheme.signature]\n{signature}\n"
        );
        let is = build(&toml).unwrap_err();
        assert!(is.starts_with(&format!("sources[0].scheme.{error}")), "{is}");
    }
    let unsigned = format!(
        "[[sources]]\nsecret = 'x y z'\n[sources.scheme]\nname = 'own'\nid = ['header:x-id']\nid_signed = true\n[sources.scheme.signature]\n{good}"
    );
    assert!(build(&unsigned).unwrap_err().contains("scheme.id: is marked as signed"), "a header that is not covered");
}

#[test]
fn an_invalid_value_of_a_setting_is_rejected_when_the_source_is_built_and_the_error_names_the_valid_ones() {
    let cases = [
        ("microsoft_graph", "cloud", "global", "Global", "must be one of global, us_government, china"),
        ("microsoft_graph", "rich", "true", "yes", "is neither true nor false"),
        ("aws_sns", "min_signature_version", "2", "3", "is neither 1 nor 2"),
        ("apple_app_store", "environment", "Sandbox", "sandbox", "is neither Production nor Sandbox"),
        ("plaid", "environment", "sandbox", "Sandbox", "is neither production nor sandbox"),
        ("hook0", "require_v1", "false", "1", "is neither true nor false"),
        ("box", "box_escape_fallback", "true", "on", "is neither true nor false"),
        ("websub", "min_hash", "sha256", "sha-256", "must be one of sha1, sha256, sha384, sha512"),
        ("paypal", "tolerance_seconds", "259200", "3 days", "is not a whole number of seconds"),
        ("cloudevents", "allowed_rate", "*", "0", "is neither * nor a whole number above zero"),
    ];
    for (provider, setting, good, wrong, problem) in cases {
        let scheme = Scheme::named(provider).unwrap();
        let with = |value: &str| {
            let required = scheme.known_settings().iter().filter(|it| it.required);
            let settings = required.fold(Settings::default(), |all, it| all.with(it.name, "x")).with(setting, value);
            let secrets: &[&str] = if scheme.requires_key() { &[TEXT_SECRET] } else { &[] };
            Source::provider(provider, secrets, settings).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(with(good), Ok(()), "{provider} {setting}");
        let error = with(wrong).unwrap_err();
        assert!(error.starts_with(&format!("settings: {setting} {problem}")), "{error}");
        let setting = scheme.known_settings().iter().find(|it| it.name == setting).unwrap();
        assert_eq!((setting.check(good), setting.check(wrong).is_err()), (Ok(()), true), "{provider} {}", setting.name);
    }
}

#[test]
fn no_secret_is_printed() {
    let toml = "[[sources]]\nprovider = 'fastly'\nsecrets = ['hush-hush']\nsettings = { header = 'x-hush' }\n";
    let config: Config = toml::from_str(toml).unwrap();
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
}

#[test]
fn reading_a_description_twice_gives_one_scheme() {
    let text = r#"{"name":"twice","signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["X-Sig"]}}"#;
    let read = || serde_json::from_str::<hookwire::provider::SchemeConfig>(text).unwrap().scheme().unwrap();
    assert!(std::ptr::eq(read(), read()));
}
