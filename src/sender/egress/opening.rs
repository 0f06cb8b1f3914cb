//! How long each step took in which a connection was opened.

use std::time::Duration;

/// A step in which a connection is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sender) enum Step {
    Resolve,
    Dial,
    Handshake,
}

/// How long each step took, until it was done or had failed. `None`: the step was not made. All times are measured with the uptime of the
/// clock. It is filled step by step, because the time budget may end each of them.
#[derive(Debug, Default)]
pub(in crate::sender) struct Opening {
    /// The time until the name was resolved.
    pub(in crate::sender) dns: Option<Duration>,
    /// The time until the address that is used had accepted the connection. If none did: the time for all of them.
    pub(in crate::sender) connect: Option<Duration>,
    /// The time until the TLS handshake was complete.
    pub(in crate::sender) tls: Option<Duration>,
    /// Whether the handshake resumed a session.
    pub(in crate::sender) is_resumed: Option<bool>,
    /// The time that led nowhere before: for addresses that did not accept, and for an open connection that had failed.
    pub(in crate::sender) earlier: Duration,
    /// The current step.
    step: Option<Step>,
    /// When the current step began or, without one, when the last step ended.
    since: Duration,
}

impl Opening {
    pub(super) fn begin(&mut self, step: Step, now: Duration) {
        (self.step, self.since) = (Some(step), now);
    }

    /// The current step began later than was recorded: what was tried before did not lead to the connection.
    pub(super) fn begin_anew(&mut self, at: Duration) {
        self.earlier += at.saturating_sub(self.since);
        self.since = at;
    }

    /// Leaves the current step, so that its time is not recorded.
    pub(super) fn leave_out(&mut self) {
        self.step = None;
    }

    /// Ends the current step, whether it is done or has failed. Returns the step; `None` if there is no current step.
    pub(in crate::sender) fn end(&mut self, now: Duration) -> Option<Step> {
        let step = self.step.take()?;
        let took = match step {
            Step::Resolve => &mut self.dns,
            Step::Dial => &mut self.connect,
            Step::Handshake => &mut self.tls,
        };
        *took = Some(now.saturating_sub(self.since));
        self.since = now;
        Some(step)
    }

    /// When the last step ended.
    pub(in crate::sender) const fn ended_at(&self) -> Duration {
        self.since
    }
}
