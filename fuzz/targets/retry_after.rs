//! `Retry-After` as seconds and as dates of three forms: the result is never before the current time.
#![no_main]

use std::time::Duration;

use hookwire::clock::Timestamp;
use hookwire::retry::retry_after;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_700_000_000;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let now = Timestamp::from_secs(NOW);
    let mut headers = HeaderMap::new();
    headers.append("retry-after", value.clone());
    let parsed = retry_after::parse(&headers, now);
    assert!(parsed.is_none_or(|at| at >= now), "before now");
    if let Some(seconds) = value.to_str().ok().filter(|text| text.len() < 10).and_then(digits) {
        assert_eq!(parsed, Some(now + Duration::from_secs(seconds)));
    }
    headers.append("retry-after", value);
    assert_eq!(retry_after::parse(&headers, now), None, "two values are invalid");
});

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
