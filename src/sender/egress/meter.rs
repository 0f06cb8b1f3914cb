//! Limits on a connection: how many bytes it may still receive, and how long a write may make no progress.
//!
//! The server decides how much it sends and when it reads. Both are limited on the socket, below TLS and HTTP, so that interim
//! responses, pings, settings, window updates, trailers and empty TLS records all count.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// Bytes that a connection may receive before its first exchange. It is enough for a TLS handshake with a long certificate chain.
const INITIAL_ALLOWANCE: i64 = 128 * 1024;

/// Maximum allowance of a connection, also if many exchanges share it.
const MAX_ALLOWANCE: i64 = 2 * 1024 * 1024;

/// A logical clock of this process: each call of `now` returns a larger value. It orders reads and exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sender) struct LogicalTime(u64);

impl LogicalTime {
    pub(in crate::sender) fn now() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What the server did wrong. The connection is then closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sender) enum PeerFault {
    #[error("the server stopped reading")]
    WriteStalled = 1,
    #[error("the server sent more than a response may contain")]
    TooMuchData = 2,
    #[error("the server sent too many interim responses")]
    TooManyInterim = 3,
    #[error("the server stopped responding")]
    Unresponsive = 4,
}

/// The counters and limits of one connection. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::sender) struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    /// The [`LogicalTime`] at which decrypted data was last received; 0 before the first.
    last_received: AtomicU64,
    /// How many bytes the connection may still receive.
    allowance: AtomicI64,
    /// How many bytes the connection has received.
    received: AtomicU64,
    /// Whether the HTTP implementation has not taken the request body yet.
    body_pending: AtomicBool,
    /// Whether bytes were written after the last complete flush.
    unflushed: AtomicBool,
    flushed: Notify,
    fault: AtomicU8,
    /// The address of the server.
    peer: IpAddr,
}

impl Meter {
    /// The meter of a connection to this address.
    pub(super) fn to(peer: IpAddr) -> Self {
        Self(Arc::new(State {
            last_received: AtomicU64::new(0),
            allowance: AtomicI64::new(INITIAL_ALLOWANCE),
            received: AtomicU64::new(0),
            body_pending: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
            flushed: Notify::new(),
            fault: AtomicU8::new(0),
            peer,
        }))
    }

    /// The number of bytes that the connection has received, before decryption.
    pub(super) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// The address of the server.
    pub(in crate::sender) fn peer(&self) -> IpAddr {
        self.0.peer
    }

    /// Whether the connection was reused and broke without a response: data was received before `begun` and none since.
    pub(in crate::sender) fn was_stale(&self, begun: LogicalTime) -> bool {
        (1..begun.0).contains(&self.0.last_received.load(Ordering::Relaxed))
    }

    /// Whether data was received after `time`.
    pub(in crate::sender) fn received_since(&self, time: LogicalTime) -> bool {
        self.0.last_received.load(Ordering::Relaxed) > time.0
    }

    /// Allows the server to send `bytes` more, for an exchange that begins.
    pub(in crate::sender) fn allow(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(MAX_ALLOWANCE);
        let most = bytes.max(MAX_ALLOWANCE);
        let granted = |allowance: i64| Some(allowance.max(0).saturating_add(bytes).min(most));
        self.0.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, granted).ok();
    }

    /// Drops the unused part of the allowance. To be called when no exchange is in progress.
    pub(in crate::sender) fn reset_allowance(&self) {
        self.0.allowance.fetch_min(INITIAL_ALLOWANCE, Ordering::Relaxed);
    }

    /// Records that a request with a body begins.
    pub(in crate::sender) fn begin_body(&self) {
        self.0.body_pending.store(true, Ordering::Release);
    }

    /// Records that the HTTP implementation has taken the body. The body is not written yet.
    pub(in crate::sender) fn body_taken(&self) {
        self.0.unflushed.store(true, Ordering::Release);
        self.0.body_pending.store(false, Ordering::Release);
    }

    /// Whether the kernel has accepted the whole request.
    pub(in crate::sender) fn is_sent(&self) -> bool {
        !self.0.body_pending.load(Ordering::Acquire) && !self.0.unflushed.load(Ordering::Acquire)
    }

    /// Waits until the kernel has accepted the whole request. It waits forever if the server does not read.
    pub(in crate::sender) async fn wait_sent(&self) {
        loop {
            let flushed = self.0.flushed.notified();
            if self.is_sent() {
                return;
            }
            flushed.await;
        }
    }

    /// Returns what the server did wrong, if anything.
    pub(in crate::sender) fn fault(&self) -> Option<PeerFault> {
        let fault = self.0.fault.load(Ordering::Relaxed);
        [PeerFault::WriteStalled, PeerFault::TooMuchData, PeerFault::TooManyInterim, PeerFault::Unresponsive]
            .into_iter()
            .find(|known| *known as u8 == fault)
    }

    /// Marks the connection as broken. The next read fails.
    pub(in crate::sender) fn set_fault(&self, fault: PeerFault) {
        self.0.fault.store(fault as u8, Ordering::Relaxed);
    }

    pub(super) fn record_received(&self) {
        self.0.last_received.store(LogicalTime::now().0, Ordering::Relaxed);
    }

    pub(super) fn record_written(&self) {
        self.0.unflushed.store(true, Ordering::Release);
    }

    pub(super) fn record_flushed(&self) {
        if self.0.unflushed.swap(false, Ordering::AcqRel) {
            self.0.flushed.notify_waiters();
        }
    }

    fn fail(&self, fault: PeerFault) -> io::Error {
        self.set_fault(fault);
        io::Error::other(fault)
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.0.received.fetch_add(bytes.unsigned_abs(), Ordering::Relaxed);
        let left = self.0.allowance.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        if left < 0 { Err(self.fail(PeerFault::TooMuchData)) } else { Ok(()) }
    }
}

/// A socket that counts what it receives and limits how long a write may stall.
#[derive(Debug)]
pub(super) struct MeteredStream {
    stream: TcpStream,
    meter: Meter,
    /// How long a write may make no progress.
    write_timeout: Duration,
    /// Runs while a write makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl MeteredStream {
    pub(super) fn new(stream: TcpStream, meter: Meter, write_timeout: Duration) -> Self {
        Self { stream, meter, write_timeout, stalled: None }
    }

    fn check_stall<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let write_timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(write_timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(self.meter.fail(PeerFault::WriteStalled)))
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(fault) = self.meter.fault() {
            return Poll::Ready(Err(self.meter.fail(fault)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.meter.spend(buf.filled().len() - before))
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.check_stall(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.check_stall(cx, written)
    }
}

impl Drop for MeteredStream {
    /// After a fault, closes with a reset. Otherwise unread data would stay in the kernel's send buffer after the close.
    fn drop(&mut self) {
        if self.stalled.is_none() && self.meter.fault().is_none() {
            return;
        }
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "a connection could not be set to close with a reset");
        }
    }
}
