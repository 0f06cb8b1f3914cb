//! A valid request of every provider, with one mistake: the diagnosis names the cause.

use std::collections::BTreeMap;

use hookwire::clock::Timestamp;
use hookwire::provider::diagnose::{Cause, Diagnose, Diagnosis};
use hookwire::provider::{Checked, Scheme};
use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Received, Settings, Trust};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;

use super::cases;

/// What the diagnosis of a short body needs at most, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// A good request of a provider, with what it is checked against.
#[derive(Clone, Debug)]
struct Request {
    scheme: &'static Scheme,
    secret: String,
    settings: Settings,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
    now: Timestamp,
}

/// What was done to a request, and the causes that name it.
struct Mutation {
    name: &'static str,
    request: Request,
    wanted: Vec<Cause>,
}

impl Request {
    fn keys(&self) -> Keyring {
        self.scheme.key(&self.secret).map_or_else(|_| Keyring::empty(), Keyring::new)
    }

    fn received(&self) -> Received<'_> {
        Received { method: &self.method, uri: &self.uri, headers: &self.headers, body: &self.body }
    }

    fn is_valid(&self) -> bool {
        let (keys, received) = (self.keys(), self.received());
        let trust = Trust { settings: &self.settings, ..Trust::new(&keys, self.now) };
        matches!(self.scheme.verify(&received, &trust), Ok(Checked::Event { .. }))
    }

    fn diagnosis(&self) -> Diagnosis {
        let keys = self.keys();
        let trust = Trust { settings: &self.settings, ..Trust::new(&keys, self.now) };
        Diagnose::new(self.scheme, self.received(), trust).secret(&self.secret).max_bytes(MAX_BYTES).run()
    }

    fn with_body(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    fn with_secret(&self, secret: impl Into<String>) -> Self {
        Self { secret: secret.into(), ..self.clone() }
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok().filter(Value::is_object)
    }

    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

/// The good requests of all providers that need no document, `most` of each.
fn requests(most: usize) -> Vec<Request> {
    let mut count = BTreeMap::<String, usize>::new();
    let mut all = Vec::new();
    for case in cases().into_iter().filter(|case| case.expect == "ok" && case.secrets.len() == 1) {
        let request = case.request();
        let scheme = Scheme::named(&case.source).unwrap();
        let request = Request {
            scheme,
            secret: case.secrets[0].clone(),
            settings: case.settings.clone(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            body: case.body.clone(),
            now: Timestamp::from_secs(case.now),
        };
        let seen = count.entry(case.source.clone()).or_default();
        if *seen < most && scheme.proves_origin() && request.is_valid() {
            *seen += 1;
            all.push(request);
        }
    }
    all
}

fn of_secret(good: &Request, all: &mut Vec<Mutation>) {
    let secret = &good.secret;
    let mut add = |name, secret: String, wanted: &[Cause]| {
        all.push(Mutation { name, request: good.with_secret(secret), wanted: wanted.to_vec() });
    };
    add("secret in quotes", format!("\"{secret}\""), &[Cause::SecretQuotes]);
    if secret.len() > 8 && secret.is_ascii() {
        let (one, other) = secret.split_at(secret.len() / 2);
        add("line break inside the secret", format!("{one}\n{other}"), &[Cause::SecretWhiteSpace]);
    }
    let encoded = base64(secret.as_bytes());
    add("secret encoded as base64", encoded, &[Cause::SecretEncoding, Cause::SecretPrefix]);
    add("secret encoded as hexadecimal", hex::encode(secret), &[Cause::SecretEncoding]);
    if let Some(bare) = secret.strip_prefix("whsec_") {
        add("prefix missing", bare.to_owned(), &[Cause::SecretPrefix]);
    } else {
        add("prefix added", format!("whsec_{secret}"), &[Cause::SecretPrefix]);
    }
    add("another secret", "another-secret-of-some-length-0001".into(), &[Cause::WrongSecret, Cause::OtherMode]);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn of_body(good: &Request, all: &mut Vec<Mutation>) {
    let body = &good.body;
    let mut add = |name, body: Vec<u8>, wanted: &[Cause]| {
        all.push(Mutation { name, request: good.with_body(body), wanted: wanted.to_vec() });
    };
    add("line break at the end", [body, &b"\n"[..]].concat(), &[Cause::TrailingNewline]);
    add("no line break at the end", body.trim_ascii_end().to_vec(), &[Cause::TrailingNewline]);
    add("byte order mark", [&b"\xef\xbb\xbf"[..], body].concat(), &[Cause::ByteOrderMark]);
    add("empty body", Vec::new(), &[Cause::EmptyBody]);
    add("body in base64", base64(body).into_bytes(), &[Cause::Wrapped]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, body).unwrap();
    add("compressed after signing", gzip.finish().unwrap(), &[Cause::Compressed]);
    let Some(text) = good.text() else { return };
    if text.contains('\n') {
        let wanted = [Cause::LineEndings, Cause::TrailingNewline];
        add("CRLF", text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes(), &wanted);
        add("LF", text.replace("\r\n", "\n").into_bytes(), &wanted);
    }
    if !text.is_ascii() {
        let twice = body.iter().copied().map(char::from).collect::<String>();
        add("read as Latin-1", twice.into_bytes(), &[Cause::Charset]);
    }
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    add("UTF-16", utf16, &[Cause::Charset]);
    let Some(json) = good.json() else { return };
    let spaces = [Cause::JsonSpaces, Cause::TrailingNewline];
    let compact = compacted(text);
    add("JSON of Python", spaced(&compact).into_bytes(), &spaces);
    add("compact JSON", compact.clone().into_bytes(), &spaces);
    // The keys of a `Value` are sorted.
    let sorted = serde_json::to_string(&json).unwrap();
    let pretty = serde_json::to_string_pretty(&json).unwrap();
    let order = [Cause::JsonOrder, Cause::JsonSpaces, Cause::JsonEscapes, Cause::JsonNumbers, Cause::TrailingNewline];
    add("sorted keys", sorted.clone().into_bytes(), &order);
    add("pretty JSON with sorted keys", pretty.into_bytes(), &order);
    let escaped: String = compact.chars().fold(String::new(), |mut all, letter| {
        match letter.is_ascii() {
            true => all.push(letter),
            false => letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| all += &format!("\\u{unit:04x}")),
        }
        all
    });
    if escaped != compact && compact == text {
        add("escapes", escaped.into_bytes(), &[Cause::JsonEscapes]);
    }
    if compact == text && text.contains('/') && !text.contains("\\/") {
        add("escaped slashes", text.replace('/', "\\/").into_bytes(), &[Cause::JsonEscapes]);
    }
}

/// Without the spaces outside of texts.
fn compacted(json: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    json.chars()
        .filter(|letter| {
            let keep = inside || !letter.is_ascii_whitespace();
            if *letter == '"' && !escaped {
                inside = !inside;
            }
            escaped = inside && *letter == '\\' && !escaped;
            keep
        })
        .collect()
}

/// With a space behind each comma and colon outside of texts.
fn spaced(compact: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let mut all = String::new();
    for letter in compact.chars() {
        all.push(letter);
        if letter == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && letter == '\\' && !escaped;
        if !inside && matches!(letter, ',' | ':') {
            all.push(' ');
        }
    }
    all
}

fn of_headers(good: &Request, all: &mut Vec<Mutation>) {
    for name in good.headers.keys().filter(|name| !name.as_str().starts_with("content-") && *name != "user-agent") {
        let value = &good.headers[name];
        let mut missing = good.clone();
        missing.headers.remove(name);
        if missing.is_valid() {
            continue;
        }
        let mut add = |what, headers: HeaderMap, wanted: &[Cause]| {
            let request = Request { headers, ..good.clone() };
            all.push(Mutation { name: what, request, wanted: wanted.to_vec() });
        };
        add("missing header", missing.headers.clone(), &[Cause::HeaderMissing]);
        let mut renamed = missing.headers.clone();
        let other = HeaderName::try_from(format!("http_{}", name.as_str().replace('-', "_"))).unwrap();
        renamed.insert(other, value.clone());
        add("renamed header", renamed, &[Cause::HeaderName]);
        let mut twice = good.headers.clone();
        twice.append(name, value.clone());
        add("header twice", twice, &[Cause::HeaderDuplicate]);
        let text = value.to_str().unwrap();
        let mut joined = good.headers.clone();
        joined.insert(name, HeaderValue::try_from(format!("{text}, {text}")).unwrap());
        add("header joined with itself", joined, &[Cause::HeaderDuplicate]);
        let mut quoted = good.headers.clone();
        quoted.insert(name, HeaderValue::try_from(format!("\"{text}\"")).unwrap());
        let is_token = !good.scheme.covers_body();
        let wanted = if is_token { &[Cause::HeaderPrefix, Cause::SecretQuotes][..] } else { &[Cause::HeaderPrefix] };
        add("header in quotes", quoted, wanted);
        if let Some(bare) = text.strip_prefix("sha256=").or_else(|| text.strip_prefix("v1,")) {
            let mut stripped = good.headers.clone();
            stripped.insert(name, HeaderValue::try_from(bare).unwrap());
            add("header without its prefix", stripped, &[Cause::HeaderPrefix, Cause::HeaderEncoding]);
        }
        let seconds = good.now.as_secs().to_string();
        if text == seconds || text.contains(&format!("t={seconds}")) {
            let mut millis = good.headers.clone();
            millis.insert(name, HeaderValue::try_from(text.replace(&seconds, &format!("{seconds}000"))).unwrap());
            add("time in milliseconds", millis, &[Cause::TimestampUnit]);
        }
    }
}

fn of_url(good: &Request, all: &mut Vec<Mutation>) {
    let mut add = |name, request, wanted: &[Cause]| all.push(Mutation { name, request, wanted: wanted.to_vec() });
    for name in ["url", "webhook_url"] {
        let Some(url) = good.settings.get(name).map(ToOwned::to_owned) else { continue };
        let others = || {
            let names: Vec<_> = good.settings.names().filter(|other| *other != name).map(ToOwned::to_owned).collect();
            let pairs = names.iter().flat_map(|name| good.settings.all(name).iter().map(move |value| (name, value)));
            pairs.fold(Settings::default(), |all, (name, value)| all.with(name, value))
        };
        let http = Request { settings: others().with(name, url.replace("https://", "http://")), ..good.clone() };
        add("URL with http", http, &[Cause::UrlScheme]);
        let mut host = Request { settings: others().with(name, "https://10.0.0.1:3000"), ..good.clone() };
        let real = url.split("://").nth(1).unwrap().split('/').next().unwrap();
        host.headers.insert("x-forwarded-host", HeaderValue::try_from(real).unwrap());
        add("URL with the inner host", host, &[Cause::UrlHost]);
    }
    let target = good.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut nested = Request { uri: "/inner".parse().unwrap(), ..good.clone() };
    nested.headers.insert("x-original-uri", HeaderValue::try_from(target).unwrap());
    add("path changed by a router", nested, &[Cause::UrlPath, Cause::UrlHost, Cause::UrlQuery]);
}

fn of_time(good: &Request, all: &mut Vec<Mutation>) {
    let late = Request { now: Timestamp::from_secs(good.now.as_secs() + 40 * 86_400), ..good.clone() };
    let keys = good.keys();
    let trust = Trust { settings: &good.settings, ..Trust::new(&keys, late.now) };
    if let Err(hookwire::signature::VerifyError::OutOfTolerance { skew }) = late.scheme.verify(&late.received(), &trust)
    {
        all.push(Mutation { name: "late", request: late, wanted: vec![Cause::Clock(skew)] });
    }
}

#[test]
fn the_cause_is_named_for_each_provider_and_each_mistake() {
    // `HOOKWIRE_DIAGNOSE=all` takes every provider, which lasts minutes in a debug build.
    let all = std::env::var_os("HOOKWIRE_DIAGNOSE").is_some();
    let usual = ["stripe", "github", "standard", "slack", "shopify", "twilio", "paddle", "square", "telegram"];
    let is_taken = |at: usize, good: &Request| all || at.is_multiple_of(5) || usual.contains(&good.scheme.name());
    let requests = requests(1).into_iter().enumerate().filter(|(at, good)| is_taken(*at, good));
    let requests: Vec<_> = requests.map(|(_, good)| good).collect();
    let halves = requests.split_at(requests.len() / 2);
    let (mut named, other) = std::thread::scope(|scope| {
        let first = scope.spawn(|| diagnose_all(halves.0));
        let second = diagnose_all(halves.1);
        (first.join().unwrap(), second)
    });
    named.right += other.right;
    other.wrong.into_iter().for_each(|(name, wrong)| named.wrong.entry(name).or_default().extend(wrong));
    let (right, missed) = (named.right, named.wrong.values().map(Vec::len).sum::<usize>());
    assert!(missed * 40 <= right + missed, "{right} causes are named, {missed} are not: {:#?}", named.wrong);
}

/// How many causes were named, and which were not.
#[derive(Default)]
struct Named {
    right: usize,
    wrong: BTreeMap<&'static str, Vec<String>>,
}

fn diagnose_all(requests: &[Request]) -> Named {
    let mut named = Named::default();
    for good in requests {
        let mut mutations = Vec::new();
        for mutate in [of_secret, of_body, of_headers, of_url, of_time] {
            mutate(good, &mut mutations);
        }
        for Mutation { name, request, wanted } in mutations {
            if request.is_valid() {
                continue;
            }
            let diagnosis = request.diagnosis();
            if wanted.contains(&diagnosis.cause()) {
                named.right += 1;
            } else {
                let wrong = named.wrong.entry(name).or_default();
                wrong.push(format!("{}: {}", good.scheme.name(), diagnosis.cause().name()));
            }
        }
    }
    named
}

/// The scheme of one provider, and a request of another.
#[test]
fn another_providers_request_is_recognised() {
    let (mut right, mut wrong) = (0, Vec::new());
    for good in requests(1) {
        let other = if good.scheme.name() == "github" { "stripe" } else { "github" };
        let request = Request { scheme: Scheme::named(other).unwrap(), settings: Settings::default(), ..good.clone() };
        if good.settings != Settings::default() || request.is_valid() {
            continue;
        }
        match request.diagnosis().cause() {
            Cause::OtherScheme(_) => right += 1,
            cause => wrong.push(format!("{}: {}", good.scheme.name(), cause.name())),
        }
    }
    assert!(wrong.len() * 20 <= right + wrong.len(), "{right} are recognised; not: {wrong:#?}");
}

#[test]
fn another_key_of_the_set_is_named() {
    let good = requests(1).into_iter().find(|good| good.scheme.name() == "stripe").unwrap();
    let (right, wrong) = (good.keys(), Keyring::new(Key::text("another secret of some length").unwrap()));
    let trust = Trust::new(&wrong, good.now);
    let diagnosis = Diagnose::new(good.scheme, good.received(), trust).other_keys("connect", &right).run();
    assert_eq!((diagnosis.cause(), diagnosis.detail()), (Cause::OtherKey, Some("connect")));
    assert!(diagnosis.is_proved());
}

#[test]
fn a_diagnosis_repeats_no_secret_and_no_payload() {
    for good in requests(1).into_iter().filter(|good| good.secret.len() > 12).step_by(5) {
        let mut mutations = Vec::new();
        for mutate in [of_secret, of_body, of_headers, of_time] {
            mutate(&good, &mut mutations);
        }
        for Mutation { name, request, .. } in mutations.into_iter().take(12) {
            let diagnosis = request.diagnosis();
            let said = format!("{diagnosis} {diagnosis:?}");
            assert!(!said.contains(request.secret.trim()), "{name}: {said}");
            let values =
                request.headers.values().filter_map(|value| value.to_str().ok()).filter(|text| text.len() > 20);
            values.for_each(|value| assert!(!said.contains(value), "{name}: {said}"));
        }
    }
}
