//! The state of one connection, and the task that drives it until it has to close.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::super::egress::Meter;

/// How often a connection is checked within one idle timeout. It is closed at most an eighth of the timeout too early.
const CHECKS_PER_IDLE_TIMEOUT: u32 = 8;

/// Minimum time between two checks.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// How long a graceful close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The time limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// How long it is kept open without an exchange.
    pub(super) idle_timeout: Duration,
    /// The age after which no exchange may begin on it.
    pub(super) lifetime: Duration,
    /// How long one exchange may take.
    pub(super) exchange_timeout: Duration,
    /// How long a ping may wait for its reply, and how long the rest of a request may take after a success.
    pub(super) progress_timeout: Duration,
}

/// The state of one connection. Its driver task, the pool and its exchanges share it.
#[derive(Debug)]
pub(super) struct ConnectionState {
    pub(super) meter: Meter,
    /// The version of TLS; `None` without TLS.
    pub(super) tls_version: Option<&'static str>,
    active: AtomicUsize,
    exchanges_begun: AtomicU64,
    is_retired: AtomicBool,
    closed: CancellationToken,
}

impl ConnectionState {
    /// A new connection with its first exchange.
    pub(super) fn with_first_exchange(meter: Meter, tls_version: Option<&'static str>) -> Self {
        Self {
            meter,
            tls_version,
            active: AtomicUsize::new(1),
            exchanges_begun: AtomicU64::new(1),
            is_retired: AtomicBool::new(false),
            closed: CancellationToken::new(),
        }
    }

    pub(super) fn begin_exchange(&self) {
        self.active.fetch_add(1, Ordering::AcqRel);
        self.exchanges_begun.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends an exchange. If it is the last one of a retired connection, the connection closes.
    pub(super) fn end_exchange(&self) {
        if self.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.meter.reset_allowance();
            if self.is_retired() {
                self.closed.cancel();
            }
        }
    }

    /// Allows no new exchange. The connection closes when its last exchange ends.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Release);
        if self.active() == 0 {
            self.closed.cancel();
        }
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.load(Ordering::Acquire) || self.closed.is_cancelled()
    }

    /// How many exchanges are in progress.
    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// Waits until the connection is closed.
    pub(super) async fn wait_closed(&self) {
        self.closed.cancelled().await;
    }
}

/// Drives a connection until it breaks, is closed, is idle for too long, or is too old. An old connection may still finish its
/// exchanges. `remove` takes the connection out of the pool before a graceful close, so that no exchange begins on it.
pub(super) async fn drive(
    connection: impl Future,
    state: &ConnectionState,
    limits: ConnectionLimits,
    remove: impl FnOnce(),
) {
    let mut connection = std::pin::pin!(connection);
    let end = match timeout(limits.lifetime, run_until_idle(connection.as_mut(), state, limits.idle_timeout)).await {
        Ok(end) => end,
        Err(_) => {
            state.retire();
            let rest = run_until_idle(connection.as_mut(), state, limits.idle_timeout);
            timeout(limits.exchange_timeout, rest).await.unwrap_or(DriveEnd::Closed)
        }
    };
    state.is_retired.store(true, Ordering::Release);
    remove();
    if end == DriveEnd::Idle {
        let closed = timeout(CLOSE_TIMEOUT, connection).await;
        tracing::trace!(in_time = closed.is_ok(), "an idle connection was closed");
    }
    state.closed.cancel();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DriveEnd {
    Closed,
    Idle,
}

async fn run_until_idle(
    mut connection: Pin<&mut impl Future>,
    state: &ConnectionState,
    idle_timeout: Duration,
) -> DriveEnd {
    let mut checks = interval((idle_timeout / CHECKS_PER_IDLE_TIMEOUT).max(MIN_CHECK_INTERVAL));
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut begun_before, mut idle_checks) = (0, 0);
    loop {
        tokio::select! {
            _ = &mut connection => return DriveEnd::Closed,
            () = state.wait_closed() => return DriveEnd::Closed,
            _ = checks.tick() => {}
        }
        let begun = state.exchanges_begun.load(Ordering::Acquire);
        let is_idle = state.active() == 0 && begun == begun_before;
        (begun_before, idle_checks) = (begun, if is_idle { idle_checks + 1 } else { 0 });
        if idle_checks >= CHECKS_PER_IDLE_TIMEOUT - 1 {
            return DriveEnd::Idle;
        }
    }
}
