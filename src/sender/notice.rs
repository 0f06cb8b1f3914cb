//! What an operator should know, as it happens.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock::Timestamp;
use crate::endpoint::DisableReason;
use crate::id::{DeliveryId, EndpointId, Tenant};
use crate::retry::FailReason;

/// Notices that a slow reader may be behind before it misses some.
const KEPT: usize = 1_024;

/// Something an operator should know. Of each process by itself, and at least once: after a restart an endpoint that goes on
/// failing is reported again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// Whose it is, where that was at hand.
    pub tenant: Option<Tenant>,
    /// When.
    pub at: Timestamp,
}

/// What a [`Notice`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// A delivery has failed so often that somebody may want to look.
    DeliveryFailing {
        /// Which.
        delivery: DeliveryId,
        /// How many attempts have failed.
        attempts: u32,
    },
    /// A delivery was given up.
    DeliveryFailed {
        /// Which.
        delivery: DeliveryId,
        /// Why; after the last attempt: `exhausted`.
        reason: FailReason,
    },
    /// A delivery is held by decision and waits for an operator.
    DeliveryHeld {
        /// Which.
        delivery: DeliveryId,
        /// Why.
        reason: FailReason,
    },
    /// The endpoint has done nothing but fail for a while.
    EndpointFailing {
        /// Since when.
        since: Timestamp,
    },
    /// For so long that it is served slowly now.
    EndpointSlowed {
        /// Failing since when.
        since: Timestamp,
    },
    /// It answers again.
    EndpointRecovered,
    /// It is no longer served; what it is owed is held.
    EndpointDisabled {
        /// Why.
        reason: DisableReason,
    },
    /// It is served again, and what was held goes out.
    EndpointEnabled,
}

impl What {
    /// The type of the event that tells it to an operator's endpoints: [`SenderBuilder::notices_to`].
    ///
    /// [`SenderBuilder::notices_to`]: super::SenderBuilder::notices_to
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::DeliveryFailing { .. } => "hookwire.delivery.failing",
            Self::DeliveryFailed { .. } => "hookwire.delivery.failed",
            Self::DeliveryHeld { .. } => "hookwire.delivery.held",
            Self::EndpointFailing { .. } => "hookwire.endpoint.failing",
            Self::EndpointSlowed { .. } => "hookwire.endpoint.slowed",
            Self::EndpointRecovered => "hookwire.endpoint.recovered",
            Self::EndpointDisabled { .. } => "hookwire.endpoint.disabled",
            Self::EndpointEnabled => "hookwire.endpoint.enabled",
        }
    }
}

/// Notices as they come; from [`Sender::notices`](super::Sender::notices).
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Arc<Notice>>);

/// What [`Notices::next`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextNotice {
    /// The next one.
    Notice(Arc<Notice>),
    /// The reader was too slow, and so many are gone.
    Missed(u64),
}

impl Notices {
    /// Waits for the next one. `None`: the sender is gone.
    pub async fn next(&mut self) -> Option<NextNotice> {
        match self.0.recv().await {
            Ok(notice) => Some(NextNotice::Notice(notice)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(NextNotice::Missed(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Where notices are given.
#[derive(Debug)]
pub(super) struct Board(broadcast::Sender<Arc<Notice>>);

impl Board {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    pub(super) fn subscribe(&self) -> Notices {
        Notices(self.0.subscribe())
    }

    pub(super) fn give(&self, notice: Arc<Notice>) {
        tracing::info!(endpoint = %notice.endpoint, what = notice.what.event_type(), "notice");
        // Nobody needs to read.
        drop(self.0.send(notice));
    }
}
