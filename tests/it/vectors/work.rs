//! The cost of a request without a valid proof: the bytes that are read, parsed and hashed are counted.

use hookwire::clock::Timestamp;
use hookwire::provider::{STANDARD, Scheme};
use hookwire::secret::{Key, Keyring, MAX_KEYS};
use hookwire::signature::{Received, Settings, Trust, VerifyError};
use hookwire::testing::work_done;
use http::{HeaderMap, HeaderValue, Method, Uri};

use super::case::Case;
use super::{cases, run};

/// The most bytes that are read, parsed or hashed for each byte of a body before it is rejected.
const MOST_PER_BYTE: u64 = 5;

/// The same request with a body of about so many bytes, which nobody has signed.
fn grown(case: &Case, bytes: usize) -> Option<Case> {
    let mut grown = case.clone();
    let body = String::from_utf8(case.body.clone()).ok()?;
    let filler = |unit: &str| unit.repeat(bytes / unit.len());
    grown.body = match body.trim().chars().next() {
        Some('{') => {
            let end = body.rfind('}')?;
            let comma = if body[1..end].trim().is_empty() { "" } else { "," };
            format!("{}{comma}\"zz\":[1{}]}}", &body[..end], filler(",1")).into_bytes()
        }
        Some('[') => format!("[{}{}]", filler(&format!("{},", &body[1..body.rfind(']')?])), &body[1..body.rfind(']')?])
            .into_bytes(),
        _ if body.contains('=') => format!("{body}{}", filler("&zz=1%20")).into_bytes(),
        _ => return None,
    };
    Some(grown)
}

async fn work_of(case: &Case) -> (bool, u64) {
    let before = work_done();
    let accepted = run::verify(case).await.is_ok();
    (accepted, work_done() - before)
}

#[tokio::test]
async fn a_large_body_that_nobody_signed_costs_a_few_readings_of_it_and_no_more_than_in_proportion() {
    let mut complaints = Vec::new();
    for provider in Scheme::all() {
        for case in cases().into_iter().filter(|case| case.source == provider.name() && case.expect == "ok") {
            let (Some(small), Some(large)) = (grown(&case, 16 * 1024), grown(&case, 64 * 1024)) else { continue };
            let ((accepted, few), (_, many)) = (work_of(&small).await, work_of(&large).await);
            let per_byte = many / u64::try_from(large.body.len()).unwrap();
            // Where the body is not covered, the request is accepted, and its events are read.
            if per_byte > MOST_PER_BYTE && !accepted {
                complaints.push(format!("{} {}: {per_byte} for each byte", case.source, case.name));
            }
            if many > 5 * few.max(16 * 1024) {
                complaints.push(format!("{} {}: {few} for 16 KiB, {many} for 64 KiB", case.source, case.name));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn many_signatures_and_many_keys_do_not_multiply_what_a_large_body_costs() {
    let body = vec![b'x'; 1024 * 1024];
    let keys = Keyring::from_keys((0..MAX_KEYS).map(|_| Key::generate_ed25519().unwrap().public().unwrap())).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("evt_1"));
    headers.insert("webhook-timestamp", HeaderValue::from_static("1700000000"));
    let junk = vec![format!("v1a,{}==", "A".repeat(86)); 16].join(" ");
    headers.insert("webhook-signature", HeaderValue::from_str(&junk).unwrap());
    let (method, uri) = (Method::POST, Uri::from_static("/hooks"));
    let received = Received { method: &method, uri: &uri, headers: &headers, body: &body };
    let before = work_done();
    assert!(STANDARD.verify(&received, &Trust::new(&keys, Timestamp::from_secs(1_700_000_000))).is_err());
    let work = work_done() - before;
    assert!(work <= 6 * 1024 * 1024, "{work} bytes");
}

/// Each has several things to look for in the body, or several texts whose MAC it might be.
#[test]
fn several_places_pairs_and_urls_are_one_reading_and_one_mac_of_a_large_body() {
    let filler = "x".repeat(1 << 20);
    let (zeros, wide) = ("0".repeat(64), "https://user:password@Example.com:443/hooks/");
    let pairs = vec![format!("pk|{}", &zeros[..40]); 16].join("%26");
    let signature = format!(r#"{{"timestamp":"1700000000","token":"{zeros}","signature":"{zeros}"}}"#);
    let form = format!("timestamp=1700000000&token={zeros}&signature={zeros}&body={filler}");
    let cases = [
        ("mailgun", format!(r#"{{"signature":{signature},"z":"{filler}"}}"#), None, 1),
        ("mailgun_route", form, None, 1),
        ("braintree", format!("bt_signature={pairs}&bt_payload={filler}"), Some(("public_key", "pk")), 2),
        ("trello", filler.clone(), Some(("callback_url", wide)), 1),
    ];
    for (provider, body, setting, readings) in cases {
        let scheme = Scheme::named(provider).unwrap();
        let keys = Keyring::new(Key::text("a long and random secret").unwrap());
        let settings = setting.into_iter().fold(Settings::default(), |all, (name, value)| all.with(name, value));
        let trust = Trust { settings: &settings, ..Trust::new(&keys, Timestamp::from_secs(1_700_000_000)) };
        let mut headers = HeaderMap::new();
        headers.insert("x-trello-webhook", HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAA="));
        let (method, uri) = (Method::POST, Uri::from_static("/hooks"));
        let received = Received { method: &method, uri: &uri, headers: &headers, body: body.as_bytes() };
        let before = work_done();
        assert_eq!(scheme.verify(&received, &trust), Err(VerifyError::BadSignature), "{provider}");
        let work = work_done() - before;
        let most = u64::try_from(readings * body.len() + 4_096).unwrap();
        assert!(work <= most, "{provider}: {work} bytes for {}", body.len());
    }
}

#[test]
fn a_batch_ends_at_its_first_bad_item() {
    let item = |word: &str| {
        let filler = "x".repeat(200);
        let signature = format!(r#""additionalData":{{"hmacSignature":"{}="}}"#, "A".repeat(43));
        match word {
            "adyen" => format!(r#"{{"NotificationRequestItem":{{{signature},"reason":"{filler}"}}}}"#),
            _ => format!(r#"{{"clientState":"a wrong one","id":"{filler}"}}"#),
        }
    };
    for (provider, list) in [("adyen", "notificationItems"), ("microsoft_graph", "value")] {
        let scheme = Scheme::named(provider).unwrap();
        let keys = Keyring::new(Key::hex("00112233445566778899aabbccddeeff").unwrap());
        let body = format!(r#"{{"{list}":[{}]}}"#, vec![item(provider); 4_000].join(","));
        let (method, uri, headers) = (Method::POST, Uri::from_static("/hooks"), HeaderMap::new());
        let received = Received { method: &method, uri: &uri, headers: &headers, body: body.as_bytes() };
        let before = work_done();
        assert!(scheme.verify(&received, &Trust::new(&keys, Timestamp::EPOCH)).is_err());
        let work = work_done() - before;
        assert!(work < 3 * u64::try_from(body.len()).unwrap(), "{provider}: {work} bytes for {}", body.len());
    }
}
