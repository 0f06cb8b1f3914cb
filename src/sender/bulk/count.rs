//! Counts what a plan would change, with a bound on the time that it takes.

use std::time::Duration;

use super::step::Stepper;
use crate::clock::Clock;
use crate::sender::error::EndpointError;
use crate::store::Counts;

/// How many pages a count reads. Then the number is a lower bound.
const MAX_PAGES: u32 = 64;

/// How many pages a page without a match counts as: the store has examined many rows for it.
const EMPTY_PAGE: u32 = 8;

/// When a count reads no further page: somebody waits for the number.
const PATIENCE: Duration = Duration::from_secs(2);

impl Stepper<'_> {
    /// Counts up to [`Counts::MOST`] changes. Returns the number, and whether it is exact: otherwise there may be more. The stepper must
    /// be `dry`.
    pub(in crate::sender) async fn count_up_to_bound(&self, clock: &dyn Clock) -> Result<(u64, bool), EndpointError> {
        let (mut progress, began, mut pages) = (self.plan.start(), clock.uptime(), MAX_PAGES);
        while progress.part.is_some() && progress.changed < Counts::MOST && pages > 0 {
            let (examined, left) = (progress.examined, Counts::MOST - progress.changed);
            self.step(&mut progress, left).await?;
            pages = pages.saturating_sub(if progress.examined == examined { EMPTY_PAGE } else { 1 });
            if clock.uptime().saturating_sub(began) > PATIENCE {
                break;
            }
        }
        Ok((progress.changed, progress.part.is_none()))
    }
}
