//! The two state machines of a lane: one for its slot, and one for its claim.
//!
//! They are pure. A transition that returns `bool` returns whether it happened; the caller then adds the lane to a queue, or acts on
//! the queue entry that it has just removed. Queues are not searched: an entry that a transition refuses is out of date and is
//! dropped.

/// The state of a lane on its way to a slot, in which it starts an attempt.
///
/// ```text
/// Idle --enqueue--> Queued --take--> Idle --wait--> AtShare --wake--> Idle
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SlotStage {
    /// In no queue.
    #[default]
    Idle,
    /// In the queue of lanes that have something to start.
    Queued,
    /// The lane, or its tenant, holds its share of the slots. The lane is checked again when a slot is freed.
    AtShare,
}

impl SlotStage {
    /// The lane has something to start.
    pub(super) fn enqueue(&mut self) -> bool {
        self.change(Self::Idle, Self::Queued)
    }

    /// The lane's turn has come.
    pub(super) fn take(&mut self) -> bool {
        self.change(Self::Queued, Self::Idle)
    }

    /// The lane's share of the slots is used up.
    pub(super) fn wait(&mut self) -> bool {
        self.change(Self::Idle, Self::AtShare)
    }

    /// A slot was freed.
    pub(super) fn wake(&mut self) -> bool {
        self.change(Self::AtShare, Self::Idle)
    }

    fn change(&mut self, from: Self, to: Self) -> bool {
        let fits = *self == from;
        if fits {
            *self = to;
        }
        fits
    }
}

/// The state of a lane on its way to a claim, which requests deliveries of the lane from the store.
///
/// ```text
///            due            list             select            ask
/// Nothing ---------> Due ---------> Listed ----------> Claiming ----+
///    ^                ^                |  ^    unlist       |       |
///    |                +----------------+--+-----------------+<------+
///    +------------------------------------- end ------------+
/// ```
///
/// While a claim is running, more deliveries can become due. `again` records this, and the lane is `Due` after the claim has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ClaimStage {
    /// No due delivery is known in the store.
    #[default]
    Nothing,
    /// Due deliveries are known or expected in the store.
    Due,
    /// Due, and in the queue of lanes to claim from, or in the queue of lanes whose tenants hold their share of the leases.
    Listed,
    /// Part of the running claim.
    Claiming {
        /// The number of deliveries that the claim requests; 0 until the lane's policy was read.
        requested: u32,
        /// Whether more deliveries have become due since the claim started.
        again: bool,
    },
}

impl ClaimStage {
    /// A delivery has become due.
    pub(super) const fn due(&mut self) {
        match self {
            Self::Nothing => *self = Self::Due,
            Self::Due | Self::Listed => {}
            Self::Claiming { again, .. } => *again = true,
        }
    }

    /// The lane can hold more leases.
    pub(super) const fn list(&mut self) -> bool {
        let fits = matches!(self, Self::Due);
        if fits {
            *self = Self::Listed;
        }
        fits
    }

    /// The lane was taken from its queue, to be put into another queue.
    pub(super) const fn unlist(&mut self) -> bool {
        let fits = matches!(self, Self::Listed);
        if fits {
            *self = Self::Due;
        }
        fits
    }

    /// The lane was taken from its queue, to be claimed from.
    pub(super) const fn select(&mut self) -> bool {
        let fits = matches!(self, Self::Listed);
        if fits {
            *self = Self::Claiming { requested: 0, again: false };
        }
        fits
    }

    /// The claim requests this number of deliveries.
    pub(super) const fn ask(&mut self, count: u32) {
        if let Self::Claiming { requested, .. } = self {
            *requested = count;
        }
    }

    /// The claim has ended and has found the due deliveries.
    pub(super) const fn end(&mut self) {
        match self {
            Self::Claiming { again: true, .. } => *self = Self::Due,
            Self::Claiming { again: false, .. } => *self = Self::Nothing,
            Self::Nothing | Self::Due | Self::Listed => {}
        }
    }

    /// The claim has ended without a search in this lane.
    pub(super) const fn fail(&mut self) {
        if matches!(self, Self::Claiming { .. }) {
            *self = Self::Due;
        }
    }

    /// The number of deliveries that the running claim requests.
    pub(super) const fn requested(self) -> u32 {
        match self {
            Self::Claiming { requested, .. } => requested,
            Self::Nothing | Self::Due | Self::Listed => 0,
        }
    }

    /// Whether the store has due deliveries that were not requested. They are older than new dispatches.
    pub(super) const fn has_backlog(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Due | Self::Listed => true,
            Self::Claiming { requested, again } => requested == 0 || again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_in_the_slot_queue_at_most_once() {
        let mut stage = SlotStage::Idle;
        assert_eq!((stage.enqueue(), stage.enqueue()), (true, false));
        assert_eq!((stage.wait(), stage.wake()), (false, false), "only a lane that was taken can wait");
        assert_eq!((stage.take(), stage.take()), (true, false), "a second entry is out of date");
        assert_eq!(
            (stage.wait(), stage.enqueue()),
            (true, false),
            "a waiting lane is not queued before a slot is freed"
        );
        assert_eq!((stage.wake(), stage), (true, SlotStage::Idle));
    }

    #[test]
    fn a_lane_is_in_the_claim_queue_at_most_once() {
        let mut stage = ClaimStage::Nothing;
        assert!(!stage.list(), "nothing is due");
        stage.due();
        assert_eq!((stage.list(), stage.list()), (true, false));
        assert_eq!((stage.unlist(), stage.list()), (true, true));
        assert_eq!((stage.select(), stage.select()), (true, false), "a second entry is out of date");
    }

    #[test]
    fn what_falls_due_during_a_claim_is_not_forgotten() {
        for ask in [0, 3] {
            let mut stage = ClaimStage::Claiming { requested: 0, again: false };
            stage.due();
            stage.ask(ask);
            assert!(stage.has_backlog());
            stage.end();
            assert_eq!(stage, ClaimStage::Due);
        }
    }

    #[test]
    fn a_claim_that_ended_asks_for_nothing() {
        let mut done = ClaimStage::Claiming { requested: 7, again: false };
        let mut failed = done;
        assert_eq!((done.requested(), done.has_backlog()), (7, false), "the claim requests all due deliveries");
        done.end();
        failed.fail();
        assert_eq!((done, failed), (ClaimStage::Nothing, ClaimStage::Due));
        assert_eq!((done.requested(), failed.requested()), (0, 0));
    }

    #[test]
    fn the_end_of_a_claim_changes_no_lane_that_is_in_no_claim() {
        for stage in [ClaimStage::Nothing, ClaimStage::Due, ClaimStage::Listed] {
            let (mut ended, mut failed, mut asking) = (stage, stage, stage);
            ended.end();
            failed.fail();
            asking.ask(4);
            assert_eq!([ended, failed, asking], [stage; 3]);
        }
    }
}
