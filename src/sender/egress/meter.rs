//! What one connection may still receive, and how long it may fail to write.
//!
//! A receiver decides how much it sends and when it reads. Both are bounded below everything that could be fooled by
//! protocol: bytes are counted on the socket, under TLS, so that interim answers, pings, settings, window updates, trailers
//! and empty TLS records all cost the same.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

/// What a connection may receive before its first exchange: a TLS handshake with a long chain of certificates fits in.
const ALLOWED_AT_FIRST: i64 = 128 * 1024;

/// Most that a connection may be allowed at any moment, however many exchanges share it.
const MOST_ALLOWED: i64 = 2 * 1024 * 1024;

/// A place in the order of all things read and begun in this process. Only comparisons mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sender) struct Mark(u64);

impl Mark {
    pub(in crate::sender) fn now() -> Self {
        static ORDER: AtomicU64 = AtomicU64::new(1);
        Self(ORDER.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a receiver did that costs it the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sender) enum Fault {
    #[error("the receiver stopped reading")]
    Stalled = 1,
    #[error("the receiver sent more than one answer may hold")]
    Excess = 2,
    #[error("the receiver sent too many interim answers")]
    Interim = 3,
    #[error("the receiver fell silent")]
    Silent = 4,
}

/// What has gone over a connection, and what may. Clones are of the same connection.
#[derive(Clone, Debug)]
pub(in crate::sender) struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    /// When something was last received, in plain text.
    received: AtomicU64,
    /// How many bytes may still be received.
    allowed: AtomicI64,
    /// A request's body has not been taken by the protocol yet.
    held: AtomicBool,
    /// Something was written since everything was last seen to have gone to the kernel.
    unflushed: AtomicBool,
    flushed: Notify,
    fault: AtomicU8,
}

impl Default for Meter {
    fn default() -> Self {
        Self(Arc::new(State {
            received: AtomicU64::new(0),
            allowed: AtomicI64::new(ALLOWED_AT_FIRST),
            held: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
            flushed: Notify::new(),
            fault: AtomicU8::new(0),
        }))
    }
}

impl Meter {
    /// Whether the connection had served before `begun`, and nothing was received on it since: it was reused, and it died
    /// without an answer.
    pub(in crate::sender) fn died_idle(&self, begun: Mark) -> bool {
        (1..begun.0).contains(&self.0.received.load(Ordering::Relaxed))
    }

    /// Whether something was received since `mark`.
    pub(in crate::sender) fn received_since(&self, mark: Mark) -> bool {
        self.0.received.load(Ordering::Relaxed) > mark.0
    }

    /// An exchange begins, and with it the right to send so many bytes more.
    pub(in crate::sender) fn grant(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(MOST_ALLOWED);
        let most = bytes.max(MOST_ALLOWED);
        let granted = |allowed: i64| Some(allowed.max(0).saturating_add(bytes).min(most));
        self.0.allowed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, granted).ok();
    }

    /// No exchange is under way: what was not used is not saved up.
    pub(in crate::sender) fn forfeit(&self) {
        self.0.allowed.fetch_min(ALLOWED_AT_FIRST, Ordering::Relaxed);
    }

    /// A request begins whose body is still to be taken.
    pub(in crate::sender) fn hold(&self) {
        self.0.held.store(true, Ordering::Release);
    }

    /// The protocol has taken what was held, and has not written it yet.
    pub(in crate::sender) fn taken(&self) {
        self.0.unflushed.store(true, Ordering::Release);
        self.0.held.store(false, Ordering::Release);
    }

    /// Whether everything has gone to the kernel.
    pub(in crate::sender) fn is_sent(&self) -> bool {
        !self.0.held.load(Ordering::Acquire) && !self.0.unflushed.load(Ordering::Acquire)
    }

    /// Waits until everything has gone to the kernel: for ever, if the receiver does not read.
    pub(in crate::sender) async fn sent(&self) {
        loop {
            let flushed = self.0.flushed.notified();
            if self.is_sent() {
                return;
            }
            flushed.await;
        }
    }

    /// What the receiver has done, if anything.
    pub(in crate::sender) fn fault(&self) -> Option<Fault> {
        let fault = self.0.fault.load(Ordering::Relaxed);
        [Fault::Stalled, Fault::Excess, Fault::Interim, Fault::Silent].into_iter().find(|known| *known as u8 == fault)
    }

    /// From the next read on, the connection is broken.
    pub(in crate::sender) fn condemn(&self, fault: Fault) {
        self.0.fault.store(fault as u8, Ordering::Relaxed);
    }

    pub(super) fn has_received(&self) {
        self.0.received.store(Mark::now().0, Ordering::Relaxed);
    }

    pub(super) fn has_written(&self) {
        self.0.unflushed.store(true, Ordering::Release);
    }

    pub(super) fn has_flushed(&self) {
        if self.0.unflushed.swap(false, Ordering::AcqRel) {
            self.0.flushed.notify_waiters();
        }
    }

    fn fail(&self, fault: Fault) -> io::Error {
        self.condemn(fault);
        io::Error::other(fault)
    }

    fn spend(&self, bytes: usize) -> io::Result<()> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let left = self.0.allowed.fetch_sub(bytes, Ordering::Relaxed).saturating_sub(bytes);
        if left < 0 { Err(self.fail(Fault::Excess)) } else { Ok(()) }
    }
}

/// A socket with a meter.
#[derive(Debug)]
pub(super) struct Metered {
    stream: TcpStream,
    meter: Meter,
    /// How long a write may make no progress.
    patience: Duration,
    /// Runs while a write makes none.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    pub(super) fn new(stream: TcpStream, meter: Meter, patience: Duration) -> Self {
        Self { stream, meter, patience, stalled: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(self.meter.fail(Fault::Stalled)))
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(fault) = self.meter.fault() {
            return Poll::Ready(Err(self.meter.fail(fault)));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.meter.spend(buf.filled().len() - before))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
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
        self.watch(cx, written)
    }
}

impl Drop for Metered {
    /// What a receiver does not read would stay in the kernel's buffers long after the connection is closed.
    fn drop(&mut self) {
        if self.stalled.is_none() && self.meter.fault().is_none() {
            return;
        }
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "a connection is closed without a reset");
        }
    }
}
