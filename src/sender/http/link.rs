//! One connection as the pool sees it: who uses it, and when it has to end.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::super::egress::Meter;

/// Looks at a connection within one idle time: it is closed at most an eighth too early.
const LOOKS: u32 = 8;

/// Looking more often than this would cost more than it saves.
const SHORTEST_LOOK: Duration = Duration::from_millis(20);

/// How long a connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// When a connection has to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How long it is kept without an exchange.
    pub(super) idle: Duration,
    /// How long new exchanges may begin on it.
    pub(super) lifetime: Duration,
    /// How long one exchange takes at most.
    pub(super) exchange: Duration,
    /// How long the answer to a ping, or the rest of a request whose answer has come, may take.
    pub(super) patience: Duration,
}

/// One connection. Its driver, the pool and its exchanges share it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) meter: Meter,
    active: AtomicUsize,
    begun: AtomicU64,
    is_retired: AtomicBool,
    over: CancellationToken,
}

impl Link {
    /// A connection with its first exchange.
    pub(super) fn begun(meter: Meter) -> Self {
        Self {
            meter,
            active: AtomicUsize::new(1),
            begun: AtomicU64::new(1),
            is_retired: AtomicBool::new(false),
            over: CancellationToken::new(),
        }
    }

    /// An exchange begins.
    pub(super) fn begin(&self) {
        self.active.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// An exchange has ended. The last one of a retired connection ends the connection.
    pub(super) fn end(&self) {
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.meter.forfeit();
            if self.is_retired() {
                self.over.cancel();
            }
        }
    }

    /// Nothing new begins here, and when nothing is under way the connection ends.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
        if self.active() == 0 {
            self.over.cancel();
        }
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire) || self.over.is_cancelled()
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// Returns when the connection has ended.
    pub(super) async fn ended(&self) {
        self.over.cancelled().await;
    }
}

/// Drives a connection to its end, which comes by itself, with `link`, after a quiet time, or when it is too old: then what
/// is under way may still end. `leave` takes it out of the pool, so that the goodbye can begin.
pub(super) async fn drive(connection: impl Future, link: &Link, bounds: Bounds, leave: impl FnOnce()) {
    let mut connection = std::pin::pin!(connection);
    let end = match timeout(bounds.lifetime, attend(connection.as_mut(), link, bounds.idle)).await {
        Ok(end) => end,
        Err(_) => {
            link.retire();
            let rest = attend(connection.as_mut(), link, bounds.idle);
            timeout(bounds.exchange, rest).await.unwrap_or(End::Forced)
        }
    };
    link.is_retired.store(true, Ordering::Release);
    leave();
    if end == End::Quiet {
        let farewell = timeout(GOODBYE, connection).await;
        tracing::trace!(in_time = farewell.is_ok(), "an idle connection was closed");
    }
    link.over.cancel();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Forced,
    Quiet,
}

async fn attend(mut connection: Pin<&mut impl Future>, link: &Link, idle: Duration) -> End {
    let mut looks = interval((idle / LOOKS).max(SHORTEST_LOOK));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut quiet) = (0, 0);
    loop {
        tokio::select! {
            _ = &mut connection => return End::Forced,
            () = link.ended() => return End::Forced,
            _ = looks.tick() => {}
        }
        let begun = link.begun.load(Ordering::Acquire);
        let is_quiet = link.active() == 0 && begun == seen;
        (seen, quiet) = (begun, if is_quiet { quiet + 1 } else { 0 });
        if quiet >= LOOKS - 1 {
            return End::Quiet;
        }
    }
}
