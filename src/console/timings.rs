//! How long each step of an attempt took, as a bar and in words.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

use super::words;
use crate::delivery::Attempt;
use crate::outcome::Outcome;
use crate::sender::AttemptDetail;

/// The width of the bar, in its own units.
const WIDTH: u128 = 1_000;

/// One step: its part of the bar, and its words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) took: String,
    pub(super) x: u128,
    pub(super) width: u128,
}

/// The steps of an attempt in their order, and the rest of its time. Empty if nothing is known of its time.
pub(super) fn spans(detail: &AttemptDetail, attempt: &Attempt) -> Vec<Span> {
    let measured = [
        ("earlier tries", "step-earlier", detail.earlier),
        ("DNS", "step-dns", detail.dns),
        ("connect", "step-connect", detail.connect),
        ("TLS", "step-tls", detail.tls),
        ("first byte", "step-first-byte", detail.first_byte),
    ];
    laid_out(measured, rest_of(detail, attempt.outcome), attempt.duration)
}

/// The name of the time that is not measured.
const REST: &str = "rest";

/// The name of the time that remains after the last step that was measured.
fn rest_of(detail: &AttemptDetail, outcome: Outcome) -> &'static str {
    let has_head = detail.version.is_some();
    let is_waiting = matches!(outcome, Outcome::Timeout | Outcome::Reset | Outcome::Protocol);
    match detail.first_byte {
        // A tenant does not see how long DNS took, so this time is a part of the rest.
        _ if detail.connect.is_some() && detail.dns.is_none() && !has_address(&detail.url) => REST,
        Some(_) => "body",
        None if is_waiting && !has_head => WAITING,
        None => REST,
    }
}

/// The name of the time without a response.
const WAITING: &str = "waiting, no response";

/// Whether the URL has an address instead of a name, so that no name is resolved.
fn has_address(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

type Measured = (&'static str, &'static str, Option<Duration>);

fn laid_out(measured: [Measured; 5], rest_is: &'static str, total: Duration) -> Vec<Span> {
    let mut steps: Vec<_> = measured.into_iter().filter_map(|(name, class, took)| Some((name, class, took?))).collect();
    let sum: Duration = steps.iter().map(|(_, _, took)| *took).sum();
    let rest = total.saturating_sub(sum);
    // An attempt on an open connection that got no response has no steps, and waited all the time.
    if steps.is_empty() && rest_is != WAITING {
        return Vec::new();
    }
    if !rest.is_zero() {
        steps.push((rest_is, "step-rest", rest));
    }
    let whole = total.max(sum).as_nanos().max(1);
    let mut until = Duration::ZERO;
    let place = |time: Duration| time.as_nanos() * WIDTH / whole;
    let span = |(name, class, took): (&'static str, &'static str, Duration)| {
        let x = place(until);
        until += took;
        Span { name, class, took: words::precise(took), x, width: place(until) - x }
    };
    steps.into_iter().map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    const fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    fn shown(times: [Option<Duration>; 5], total: u64) -> Vec<(&'static str, String, u128, u128)> {
        let names = ["earlier tries", "DNS", "connect", "TLS", "first byte"];
        let measured = std::array::from_fn(|at| (names[at], "", times[at]));
        let spans = laid_out(measured, REST, Duration::from_millis(total));
        spans.into_iter().map(|span| (span.name, span.took, span.x, span.width)).collect()
    }

    #[test]
    fn the_steps_fill_the_bar_in_their_order() {
        let all = shown([ms(20), ms(10), ms(20), ms(30), ms(100)], 200);
        let expected = [
            ("earlier tries", "20 ms", 0, 100),
            ("DNS", "10 ms", 100, 50),
            ("connect", "20 ms", 150, 100),
            ("TLS", "30 ms", 250, 150),
            ("first byte", "100 ms", 400, 500),
            ("rest", "20 ms", 900, 100),
        ];
        assert_eq!(all, expected.map(|(name, took, x, width)| (name, took.to_owned(), x, width)));
    }

    #[test]
    fn steps_that_were_not_made_are_left_out() {
        assert!(shown([None; 5], 200).is_empty());
        assert_eq!(shown([None, None, None, None, ms(80)], 80), [("first byte", "80 ms".to_owned(), 0, 1_000)]);
        assert_eq!(shown([None, ms(0), None, None, None], 0), [("DNS", "0 ms".to_owned(), 0, 0)]);
    }

    #[test]
    fn the_bar_does_not_overflow_if_the_steps_took_longer_than_the_attempt() {
        let spans = shown([None, ms(300), ms(300), None, None], 100);
        assert_eq!(spans.iter().map(|(_, _, x, width)| (*x, *width)).collect::<Vec<_>>(), [(0, 500), (500, 500)]);
    }

    /// The detail of an attempt at this URL, whose new connection took 10 ms; or an open one was used.
    fn detail(url: &str, is_new: bool, first_byte: Option<Duration>) -> AttemptDetail {
        let (connect, version) = (ms(10).filter(|_| is_new), first_byte.map(|_| "HTTP/1.1"));
        let note = serde_json::json!({"attempt": 1, "at": Timestamp::EPOCH, "url": url, "request_headers": [], "connect": connect,
            "first_byte": first_byte, "version": version, "response_headers": [], "response_body": ""});
        serde_json::from_value(note).unwrap()
    }

    #[test]
    fn the_rest_is_named_by_what_came_before() {
        let (named, address) = ("https://acme.example/in", "https://93.184.216.34/in");
        for (url, is_new, first_byte, outcome, expected) in [
            (address, true, ms(20), Outcome::Status(500), vec!["connect", "first byte", "body"]),
            ("https://[2001:db8::1]/in", true, ms(20), Outcome::Status(500), vec!["connect", "first byte", "body"]),
            (named, true, ms(20), Outcome::Status(500), vec!["connect", "first byte", "rest"]),
            (named, false, ms(20), Outcome::Status(500), vec!["first byte", "body"]),
            (address, true, None, Outcome::Timeout, vec!["connect", "waiting, no response"]),
            (address, true, None, Outcome::Connect, vec!["connect", "rest"]),
            (named, false, None, Outcome::Timeout, vec!["waiting, no response"]),
            (named, false, None, Outcome::Blocked, vec![]),
        ] {
            let attempt = Attempt::new(1, Timestamp::EPOCH, Duration::from_millis(100), outcome);
            let spans = spans(&detail(url, is_new, first_byte), &attempt);
            assert_eq!(spans.iter().map(|span| span.name).collect::<Vec<_>>(), expected, "{url} {outcome:?}");
        }
    }
}
