//! Notices: events about endpoints and deliveries that an operator should read.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

use crate::clock::Timestamp;
use crate::endpoint::DisableReason;
use crate::id::{DeliveryId, EndpointId, Tenant};
use crate::retry::FailReason;

/// How many notices a slow reader may be behind before it misses some.
const CAPACITY: usize = 1_024;

/// A report to an operator. Notices are per process and at-least-once: an endpoint that still fails after a restart is reported again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// What happened.
    #[serde(flatten)]
    pub kind: NoticeKind,
    /// The endpoint that the notice is about, or the endpoint of the delivery.
    pub endpoint: EndpointId,
    /// The tenant of the endpoint; `None` if the sender has not read the endpoint recently.
    pub tenant: Option<Tenant>,
    /// When it happened.
    pub at: Timestamp,
}

/// What a [`Notice`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// A delivery had as many failed attempts as set by
    /// [`SenderBuilder::notice_failing_after`](super::SenderBuilder::notice_failing_after), so an operator may want to check it.
    DeliveryFailing {
        /// The delivery.
        delivery: DeliveryId,
        /// How many attempts have failed.
        attempts: u32,
    },
    /// A delivery failed finally.
    DeliveryFailed {
        /// The delivery.
        delivery: DeliveryId,
        /// The reason; `exhausted` after the last attempt.
        reason: FailReason,
    },
    /// The retry policy decided to hold a delivery, which waits for an operator.
    DeliveryHeld {
        /// The delivery.
        delivery: DeliveryId,
        /// The reason.
        reason: FailReason,
    },
    /// Every attempt at the endpoint has failed for a while.
    EndpointFailing {
        /// When the first of these attempts failed.
        since: Timestamp,
    },
    /// Every attempt has failed for so long that the endpoint is now tried rarely.
    EndpointSlowed {
        /// When the first of these attempts failed.
        since: Timestamp,
    },
    /// A failing endpoint returned a success.
    EndpointRecovered,
    /// The endpoint was disabled; its deliveries are held.
    EndpointDisabled {
        /// The reason.
        reason: DisableReason,
    },
    /// The endpoint was enabled; held deliveries are sent.
    EndpointEnabled,
}

impl NoticeKind {
    /// The type of the event that reports it to an operator's endpoints: [`SenderBuilder::notices_to`].
    ///
    /// ```
    /// use hookwire::sender::NoticeKind;
    ///
    /// assert_eq!(NoticeKind::EndpointRecovered.event_type(), "hookwire.endpoint.recovered");
    /// ```
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

/// A stream of notices, from [`Sender::notices`](super::Sender::notices).
///
/// ```
/// use hookwire::endpoint::NewEndpoint;
/// use hookwire::sender::{EndpointChange, NoticeKind, Sender};
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let mut notices = sender.notices();
/// let endpoint = sender.endpoints().create(NewEndpoint::https("https://acme.example/hooks")?.tenant("acme")).await?;
/// sender.endpoints().update(endpoint.id, EndpointChange::new().disabled()).await?;
/// let notice = notices.next().await.ok_or("the sender was dropped")?;
/// assert!(matches!(notice.kind, NoticeKind::EndpointDisabled { .. }));
/// assert_eq!((notice.endpoint, notices.missed()), (endpoint.id, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Notices {
    receiver: broadcast::Receiver<Arc<Notice>>,
    missed: u64,
}

impl Notices {
    /// Waits for the next notice. Returns `None` after the sender was dropped.
    pub async fn next(&mut self) -> Option<Arc<Notice>> {
        loop {
            match self.receiver.recv().await {
                Ok(notice) => return Some(notice),
                Err(broadcast::error::RecvError::Lagged(count)) => self.missed += count,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The number of notices that this reader has missed, because it was more than 1,024 notices behind.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }
}

/// Passes notices on to all readers.
#[derive(Debug)]
pub(super) struct NoticeChannel(broadcast::Sender<Arc<Notice>>);

impl NoticeChannel {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(super) fn subscribe(&self) -> Notices {
        Notices { receiver: self.0.subscribe(), missed: 0 }
    }

    pub(super) fn send(&self, notice: Arc<Notice>) {
        log(&notice);
        // An error means that there is no reader, which is fine.
        drop(self.0.send(notice));
    }
}

/// Logs a notice. The level for a disabled endpoint is WARN, because its customer gets nothing until the endpoint is enabled.
fn log(notice: &Notice) {
    match notice.kind {
        NoticeKind::EndpointDisabled { reason } => warn_disabled(notice.endpoint, reason),
        kind => tracing::info!(endpoint = %notice.endpoint, what = kind.event_type(), "notice"),
    }
}

fn warn_disabled(endpoint: EndpointId, reason: DisableReason) {
    tracing::warn!(%endpoint, ?reason, "the endpoint is disabled; its deliveries are held until it is enabled");
}
