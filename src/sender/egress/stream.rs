//! A guarded connection, and what has gone over it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A place in the order of all things read and begun in this process. Only comparisons mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sender) struct Mark(u64);

impl Mark {
    pub(in crate::sender) fn now() -> Self {
        static ORDER: AtomicU64 = AtomicU64::new(1);
        Self(ORDER.fetch_add(1, Ordering::Relaxed))
    }
}

/// What was received on a connection, in plain text.
#[derive(Clone, Debug, Default)]
pub(in crate::sender) struct Usage(Arc<AtomicU64>);

impl Usage {
    /// Whether the connection had served before `begun`, and nothing was received on it since: it was reused, and it died
    /// without an answer.
    pub(in crate::sender) fn died_idle(&self, begun: Mark) -> bool {
        (1..begun.0).contains(&self.0.load(Ordering::Relaxed))
    }

    fn received(&self) {
        self.0.store(Mark::now().0, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection whose peer was judged.
#[derive(Debug)]
pub(in crate::sender) struct Guarded {
    transport: Transport,
    usage: Usage,
}

impl Guarded {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { transport: Transport::Plain(stream), usage: Usage::default() }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { transport: Transport::Tls(Box::new(stream)), usage: Usage::default() }
    }
}

impl Connection for Guarded {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.usage.clone());
        match &self.transport {
            Transport::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => connected.negotiated_h2(),
            _ => connected,
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            self.usage.received();
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
        }
    }
}
