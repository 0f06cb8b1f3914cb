//! What happened over time: charts that the server draws as SVG, and their numbers.

use std::time::Duration;

use super::words::{self, When};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::{Rollup, RollupStep};

/// A span of time that a chart shows.
#[derive(Debug)]
pub(super) struct Span {
    /// The value in the query.
    word: &'static str,
    text: &'static str,
    step: RollupStep,
    /// The number of steps that one bar shows.
    steps: u32,
    bars: u32,
}

/// The spans to choose from. The first one is the default.
const SPANS: [Span; 3] = [
    Span { word: "hour", text: "last hour", step: RollupStep::Minute, steps: 1, bars: 60 },
    Span { word: "day", text: "last day", step: RollupStep::Minute, steps: 15, bars: 96 },
    Span { word: "month", text: "last 30 days", step: RollupStep::Hour, steps: 24, bars: 30 },
];

/// The span of the small chart in a row of a list.
pub(super) const SPARK: Span = Span { word: "", text: "last day", step: RollupStep::Hour, steps: 1, bars: 24 };

impl Span {
    pub(super) fn of(word: Option<&str>) -> &'static Self {
        let [hour, ..] = &SPANS;
        SPANS.iter().find(|span| Some(span.word) == word).unwrap_or(hour)
    }

    pub(super) const fn step(&self) -> RollupStep {
        self.step
    }

    /// The time that one bar shows.
    fn bar(&self) -> Duration {
        self.step.length() * self.steps
    }

    /// The beginning of the first bar. The last bar contains `now`.
    pub(super) fn from(&self, now: Timestamp) -> Timestamp {
        let length = i64::try_from(self.bar().as_micros()).unwrap_or(i64::MAX);
        let last = Timestamp::from_micros(now.as_micros().div_euclid(length).saturating_mul(length));
        last - self.bar() * (self.bars - 1)
    }
}

/// The height of a chart. Its width is [`WIDTH`].
const HEIGHT: u64 = 100;
const WIDTH: u32 = 960;

/// The height of a small chart, and the distance of its bars. The template and the stylesheet contain the resulting size.
const SPARK_HEIGHT: u64 = 28;
const SPARK_STEP: usize = 5;

/// A bar: the attempts that succeeded, and above them those that failed.
pub(super) struct Bar {
    pub(super) x: u32,
    pub(super) succeeded: (u64, u64),
    pub(super) failed: (u64, u64),
    pub(super) at: When,
    pub(super) total: Rollup,
}

impl Bar {
    /// Draws a bar. `most` attempts are the full height. If any attempt failed, this is visible.
    fn new(x: u32, total: Rollup, most: u64, now: Timestamp) -> Self {
        let scaled = |count: u64| (count.saturating_mul(HEIGHT) / most).max(u64::from(count > 0) * 2);
        let failed = scaled(failures(&total));
        let succeeded = scaled(total.succeeded).min(HEIGHT - failed);
        let top = HEIGHT - succeeded - failed;
        Self {
            x,
            succeeded: (HEIGHT - succeeded, succeeded),
            failed: (top, failed),
            at: When::new(total.at, now),
            total,
        }
    }

    pub(super) const fn failures(&self) -> u64 {
        failures(&self.total)
    }

    pub(super) fn slowest(&self) -> String {
        duration(&self.total, 0.99)
    }

    /// The bar in words, as a tooltip.
    pub(super) fn title(&self) -> String {
        format!("{}: {}, {} failed", self.at.readable(), attempts(self.total.attempts()), self.failures())
    }
}

fn attempts(count: u64) -> String {
    if count == 1 { "1 attempt".into() } else { format!("{count} attempts") }
}

/// The attempts that did not succeed.
const fn failures(rollup: &Rollup) -> u64 {
    rollup.attempts() - rollup.succeeded
}

fn duration(rollup: &Rollup, share: f64) -> String {
    rollup.duration_at(share).map_or_else(|| "–".into(), |limit| format!("≤ {}", words::precise(limit)))
}

/// A chart of attempts, and what its bars sum up to.
pub(super) struct Traffic {
    pub(super) span: &'static Span,
    pub(super) bars: Vec<Bar>,
    pub(super) most: u64,
    pub(super) total: Rollup,
    /// What was attempted, which decides the words.
    work: Work,
}

impl Traffic {
    /// Draws rollups of the [step](Span::step) of this span that begin at [`from`](Span::from) or later.
    pub(super) fn of(rollups: &[Rollup], span: &'static Span, now: Timestamp) -> Self {
        let (from, length) = (span.from(now), span.bar());
        let mut sums: Vec<_> = (0..span.bars).map(|n| Rollup::starting(from + length * n)).collect();
        let mut total = Rollup::starting(from);
        for rollup in rollups.iter().filter(|rollup| rollup.at >= from) {
            let place = rollup.at.since(from).as_secs() / length.as_secs().max(1);
            if let Some(sum) = usize::try_from(place).ok().and_then(|place| sums.get_mut(place)) {
                sum.merge(rollup);
                total.merge(rollup);
            }
        }
        let most = sums.iter().map(Rollup::attempts).max().unwrap_or(0);
        let width = WIDTH / span.bars;
        let bar = |(n, sum)| Bar::new(width * n, sum, most.max(1), now);
        Self { span, bars: (0..).zip(sums).map(bar).collect(), most, total, work: Work::Sent }
    }

    /// The same chart for the jobs of an inbox.
    pub(super) fn of_jobs(rollups: &[Rollup], span: &'static Span, now: Timestamp) -> Self {
        Self { work: Work::Received, ..Self::of(rollups, span, now) }
    }

    /// The numbers beside the chart: the name and the value.
    pub(super) fn numbers(&self) -> Vec<(&'static str, String)> {
        let done = match self.work {
            Work::Sent => "Delivered",
            Work::Received => "Processed",
        };
        let failed = (self.work == Work::Received).then(|| ("Failed attempts", self.failures().to_string()));
        let mut numbers = vec![
            ("Attempts", self.total.attempts().to_string()),
            ("Succeeded", self.rate()),
            (done, self.total.delivered.to_string()),
        ];
        numbers.extend(failed);
        numbers.extend([
            ("Given up", self.total.failed.to_string()),
            ("Duration, median", self.median()),
            ("Duration, 99th percentile", self.slowest()),
        ]);
        numbers
    }

    /// The small chart in a row: the paths of the attempts that succeeded, and of those that failed, which are above them. Each bar is a
    /// stroke, because a page has a hundred of these charts.
    pub(super) fn spark(&self) -> (String, String) {
        let (mut good, mut bad) = (String::new(), String::new());
        for (place, bar) in self.bars.iter().enumerate() {
            let scaled =
                |count: u64| (count.saturating_mul(SPARK_HEIGHT) / self.most.max(1)).max(u64::from(count > 0) * 2);
            let failed = scaled(bar.failures());
            let succeeded = scaled(bar.total.succeeded).min(SPARK_HEIGHT - failed);
            let x = place * SPARK_STEP + SPARK_STEP / 2;
            if succeeded > 0 {
                good.push_str(&format!("M{x} {SPARK_HEIGHT}v-{succeeded}"));
            }
            if failed > 0 {
                bad.push_str(&format!("M{x} {}v-{failed}", SPARK_HEIGHT - succeeded));
            }
        }
        (good, bad)
    }

    /// The width of a bar, without the gap to the next one.
    pub(super) const fn width(&self) -> u32 {
        WIDTH / self.span.bars - 1
    }

    /// The spans to choose from: the value, the text, and whether it is chosen.
    pub(super) fn spans(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        SPANS.iter().map(|span| (span.word, span.text, span.word == self.span.word))
    }

    pub(super) const fn text(&self) -> &'static str {
        self.span.text
    }

    pub(super) fn failures(&self) -> u64 {
        failures(&self.total)
    }

    /// When the first bar begins.
    pub(super) fn first(&self) -> String {
        self.bars.first().map(|bar| bar.at.to_string()).unwrap_or_default()
    }

    /// The share of the attempts that succeeded. It is rounded down, so that it is 100 % only if none failed.
    pub(super) fn rate(&self) -> String {
        let attempts = self.total.attempts();
        if attempts == 0 {
            return "–".into();
        }
        let tenths = self.total.succeeded.saturating_mul(1_000) / attempts;
        match (tenths / 10, tenths % 10) {
            (100, _) => "100 %".into(),
            (whole, tenth) => format!("{whole}.{tenth} %"),
        }
    }

    pub(super) fn median(&self) -> String {
        duration(&self.total, 0.5)
    }

    pub(super) fn slowest(&self) -> String {
        duration(&self.total, 0.99)
    }

    /// The kinds of failures, the most frequent first.
    pub(super) fn kinds(&self) -> Vec<(&'static str, u64)> {
        let total = &self.total;
        let other = match self.work {
            Work::Sent => "refused by the guard or failed on this side",
            Work::Received => "failed in the handler or on this side",
        };
        let mut kinds = vec![
            ("status below 500", total.client_errors),
            ("status 500 or above", total.server_errors),
            ("no response in time", total.timeouts),
            ("no connection", total.unreachable),
            (other, total.other),
        ];
        kinds.retain(|(_, count)| *count > 0);
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        kinds
    }

    /// The chart in a sentence, for those who do not see it.
    pub(super) fn sentence(&self) -> String {
        let (attempts, failed) = (attempts(self.total.attempts()), self.failures());
        format!("{attempts} in the {}, {failed} of them failed", self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn minute(at: Timestamp, succeeded: u64, failed: u64) -> Rollup {
        let mut rollup = Rollup::starting(RollupStep::Minute.start(at));
        (rollup.succeeded, rollup.server_errors) = (succeeded, failed);
        rollup
    }

    #[test]
    fn a_chart_ends_with_the_present_and_begins_with_its_span() {
        let span = Span::of(Some("hour"));
        let first = span.from(NOW);
        let rollups = [minute(first - Duration::from_secs(60), 9, 9), minute(first, 1, 0), minute(NOW, 2, 2)];
        let chart = Traffic::of(&rollups, span, NOW);
        assert_eq!((chart.bars.len(), chart.most, chart.total.attempts()), (60, 4, 5));
        assert_eq!(chart.bars[0].succeeded, (75, 25));
        assert_eq!((chart.bars[59].succeeded, chart.bars[59].failed), ((50, 50), (0, 50)));
        assert!(chart.bars[59].x + chart.width() < WIDTH);
        assert_eq!(chart.rate(), "60.0 %");
    }

    #[test]
    fn one_failure_of_a_million_is_visible() {
        let chart = Traffic::of(&[minute(NOW, 1_000_000, 1)], Span::of(None), NOW);
        let last = chart.bars.last().unwrap();
        assert_eq!((last.succeeded, last.failed), ((2, 98), (0, 2)));
        assert_eq!(chart.rate(), "99.9 %");
    }

    #[test]
    fn a_small_chart_has_a_stroke_for_each_hour() {
        let hour = |hours: u64, succeeded, failed| {
            let mut rollup = Rollup::starting(SPARK.from(NOW) + Duration::from_secs(3_600 * hours));
            (rollup.succeeded, rollup.server_errors) = (succeeded, failed);
            rollup
        };
        let chart = Traffic::of(&[hour(0, 10, 0), hour(2, 0, 10), hour(23, 1_000, 1)], &SPARK, NOW);
        assert_eq!(chart.spark(), ("M2 28v-2M117 28v-26".into(), "M12 28v-2M117 2v-2".into()));
        assert_eq!(Traffic::of(&[], &SPARK, NOW).spark(), (String::new(), String::new()));
    }

    #[test]
    fn a_chart_without_attempts_has_no_rate() {
        let chart = Traffic::of(&[], Span::of(Some("unknown")), NOW);
        assert_eq!((chart.rate().as_str(), chart.median().as_str(), chart.text()), ("–", "–", "last hour"));
        assert!(chart.kinds().is_empty());
    }

    #[test]
    fn a_chart_of_jobs_has_no_words_of_sending() {
        let mut rollup = minute(NOW, 1, 0);
        (rollup.delivered, rollup.other) = (1, 2);
        let names = |chart: &Traffic| chart.numbers().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let span = Span::of(Some("hour"));
        let (sent, jobs) = (Traffic::of(&[rollup.clone()], span, NOW), Traffic::of_jobs(&[rollup], span, NOW));
        assert!(names(&sent).contains(&"Delivered") && !names(&jobs).contains(&"Delivered"));
        assert!(jobs.numbers().contains(&("Processed", "1".into())), "{:?}", jobs.numbers());
        assert!(jobs.numbers().contains(&("Failed attempts", "2".into())), "{:?}", jobs.numbers());
        assert_eq!(jobs.kinds(), [("failed in the handler or on this side", 2)]);
    }

    #[test]
    fn long_spans_merge_steps() {
        for (word, bars) in [("day", 96), ("month", 30)] {
            let span = Span::of(Some(word));
            assert!(span.from(NOW) + span.bar() * (bars - 1) <= NOW && NOW < span.from(NOW) + span.bar() * bars);
            assert_eq!(Traffic::of(&[], span, NOW).bars.len(), bars as usize);
        }
    }
}
