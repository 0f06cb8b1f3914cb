//! An open connection, and what is known about its use.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Most bytes read on an HTTP/1.1 connection while a response head is awaited: interim 1xx answers included.
const MAX_UNANSWERED: usize = 128 * 1024;

/// What is known about the use of one connection. Shared between the connection and the requests on it.
///
/// All accesses are relaxed: a value that lags is read as "something was answered", which is the safe side.
#[derive(Debug)]
pub(crate) struct Wire {
    opened: Duration,
    pill: Connected,
    heads: AtomicU32,
    heard: AtomicBool,
}

impl Wire {
    /// A complete response head arrived.
    pub(crate) fn count_head(&self) {
        self.heads.fetch_add(1, Relaxed);
    }

    /// Whether an earlier request on this connection was answered.
    pub(crate) fn is_reused(&self) -> bool {
        self.heads.load(Relaxed) > 0
    }

    /// Whether a byte was read since the latest request began. On HTTP/2, of any request.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard.load(Relaxed)
    }

    /// Keeps the connection from being used again once it is older than `age`.
    pub(crate) fn retire_after(&self, age: Duration, now: Duration) {
        if now.saturating_sub(self.opened) >= age {
            self.pill.poison();
        }
    }
}

#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that counts.
#[derive(Debug)]
pub(crate) struct Link {
    socket: Socket,
    wire: Arc<Wire>,
    h2: bool,
    answered: u32,
    unanswered: usize,
}

impl Link {
    pub(super) fn new(socket: Socket, opened: Duration) -> Self {
        let h2 = match &socket {
            Socket::Plain(_) => false,
            Socket::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        };
        let pill = if h2 { Connected::new().negotiated_h2() } else { Connected::new() };
        let wire = Wire { opened, pill, heads: AtomicU32::new(0), heard: AtomicBool::new(false) };
        Self { socket, wire: Arc::new(wire), h2, answered: 0, unanswered: 0 }
    }

    /// The first write after a complete head begins the next request.
    fn mark_write(&mut self) {
        let heads = self.wire.heads.load(Relaxed);
        if heads != self.answered {
            self.answered = heads;
            self.unanswered = 0;
            self.wire.heard.store(false, Relaxed);
        }
    }

    fn mark_read(&mut self, count: usize) -> io::Result<()> {
        if count > 0 {
            self.wire.heard.store(true, Relaxed);
        }
        if self.h2 || self.wire.heads.load(Relaxed) != self.answered {
            return Ok(());
        }
        self.unanswered = self.unanswered.saturating_add(count);
        if self.unanswered > MAX_UNANSWERED {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too much before a response head"));
        }
        Ok(())
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        self.wire.pill.clone().extra(Arc::clone(&self.wire))
    }
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Socket::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        })?;
        let count = buf.filled().len().saturating_sub(before);
        Poll::Ready(self.mark_read(count))
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.mark_write();
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Socket::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.mark_write();
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Socket::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(tcp) => tcp.is_write_vectored(),
            Socket::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Socket::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
