//! The sender: the state that dispatching, delivering and managing share.

use std::sync::Arc;
use std::time::Duration;

use super::directory::CachedDirectory;
use super::egress::EgressPolicy;
use super::fan_out::FanOut;
use super::health::HealthMonitor;
use super::http::HttpClient;
use super::notice::Notices;
use super::ownership::OwnershipPolicy;
use super::policies::Policies;
use super::quotas::Quotas;
use super::signers::Signers;
use super::turns::ReplayTurns;
use crate::clock::{Clock, Timestamp};
use crate::event::EventTypes;
use crate::id::Work;
use crate::store::{Store, WorkHistory};
use crate::worker::{Engine, Worker};

/// Sends webhooks. Cheap to clone; every clone is the same sender.
///
/// The page of [`sender`](crate::sender) has an example.
#[derive(Clone, Debug)]
pub struct Sender {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) directory: Arc<CachedDirectory>,
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) egress: EgressPolicy,
    pub(super) quotas: Quotas,
    pub(super) fan_out: FanOut,
    pub(super) health: Arc<HealthMonitor>,
    pub(super) policies: Arc<Policies>,
    pub(super) signers: Arc<Signers>,
    pub(super) client: HttpClient,
    pub(super) ownership: OwnershipPolicy,
    pub(super) replays: ReplayTurns,
    /// How long after an endpoint was disabled an attempt may still be running, in any process.
    pub(super) quiet_after: Duration,
    /// How long the ids of events are taken.
    pub(super) key_retention: Duration,
}

impl Sender {
    /// The worker that delivers. Spawn its [`run`](Worker::run) on a tokio runtime; one per sender and process.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::from(self.shared.engine.clone())
    }

    /// Subscribes to [notices](super::Notice): endpoints that fail, are slowed, disabled or recover, and deliveries that are given up.
    #[must_use]
    pub fn notices(&self) -> Notices {
        self.shared.health.notices()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Makes the worker of this sender look at once for due deliveries, and for events that were written into the store's database, instead
    /// of at its next [poll](crate::worker::Config::outbox_poll). Call it after the commit of such an event if milliseconds matter; in a
    /// test, after the clock was advanced.
    pub fn wake(&self) {
        self.shared.engine.wake();
    }

    /// The event types of the application, if the sender was [given them](super::SenderBuilder::event_types).
    #[must_use]
    pub fn event_types(&self) -> Option<&dyn EventTypes> {
        self.shared.fan_out.types.as_deref()
    }

    /// Reads events, deliveries and attempts of this sender. Events of an inbox in the same store are not included.
    #[must_use]
    pub fn history(&self) -> WorkHistory<'_> {
        WorkHistory::new(&self.shared.store, Work::Sent)
    }
}
