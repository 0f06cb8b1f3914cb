//! How long each step of an attempt took, as a bar and in words.

use std::time::Duration;

use super::words;
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

/// The steps of an attempt that took `total`, in their order. Empty if none was measured.
pub(super) fn spans(detail: &AttemptDetail, total: Duration) -> Vec<Span> {
    let measured = [
        ("DNS", "step-dns", detail.dns),
        ("connect", "step-connect", detail.connect),
        ("TLS", "step-tls", detail.tls),
        ("first byte", "step-first-byte", detail.first_byte),
    ];
    laid_out(measured, total)
}

type Measured = (&'static str, &'static str, Option<Duration>);

fn laid_out(measured: [Measured; 4], total: Duration) -> Vec<Span> {
    let mut steps: Vec<_> = measured.into_iter().filter_map(|(name, class, took)| Some((name, class, took?))).collect();
    let sum: Duration = steps.iter().map(|(_, _, took)| *took).sum();
    let rest = total.saturating_sub(sum);
    if steps.is_empty() {
        return Vec::new();
    }
    if !rest.is_zero() {
        steps.push(("rest", "step-rest", rest));
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

    const fn ms(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    fn shown(times: [Option<Duration>; 4], total: u64) -> Vec<(&'static str, String, u128, u128)> {
        let names = ["DNS", "connect", "TLS", "first byte"];
        let measured = std::array::from_fn(|at| (names[at], "", times[at]));
        let spans = laid_out(measured, Duration::from_millis(total));
        spans.into_iter().map(|span| (span.name, span.took, span.x, span.width)).collect()
    }

    #[test]
    fn the_steps_fill_the_bar_in_their_order() {
        let all = shown([ms(10), ms(20), ms(30), ms(100)], 200);
        let expected = [
            ("DNS", "10 ms", 0, 50),
            ("connect", "20 ms", 50, 100),
            ("TLS", "30 ms", 150, 150),
            ("first byte", "100 ms", 300, 500),
            ("rest", "40 ms", 800, 200),
        ];
        assert_eq!(all, expected.map(|(name, took, x, width)| (name, took.to_owned(), x, width)));
    }

    #[test]
    fn steps_that_were_not_made_are_left_out() {
        assert!(shown([None; 4], 200).is_empty());
        assert_eq!(shown([None, None, None, ms(80)], 80), [("first byte", "80 ms".to_owned(), 0, 1_000)]);
        assert_eq!(shown([ms(0), None, None, None], 0), [("DNS", "0 ms".to_owned(), 0, 0)]);
    }

    #[test]
    fn the_bar_does_not_overflow_if_the_steps_took_longer_than_the_attempt() {
        let spans = shown([ms(300), ms(300), None, None], 100);
        assert_eq!(spans.iter().map(|(_, _, x, width)| (*x, *width)).collect::<Vec<_>>(), [(0, 500), (500, 500)]);
    }
}
