//! A connection whose peer address was checked and whose traffic is metered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;

use super::meter::{Meter, MeteredStream};

#[derive(Debug)]
enum Transport {
    Plain(MeteredStream),
    Tls(Box<TlsStream<MeteredStream>>),
}

/// A plain or TLS connection to a checked address.
#[derive(Debug)]
pub(in crate::sender) struct GuardedStream {
    transport: Transport,
    meter: Meter,
}

impl GuardedStream {
    pub(super) fn plain(stream: MeteredStream, meter: Meter) -> Self {
        Self { transport: Transport::Plain(stream), meter }
    }

    pub(super) fn tls(stream: TlsStream<MeteredStream>, meter: Meter) -> Self {
        Self { transport: Transport::Tls(Box::new(stream)), meter }
    }

    pub(in crate::sender) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Whether ALPN selected HTTP/2.
    pub(in crate::sender) fn is_http2(&self) -> bool {
        match &self.transport {
            Transport::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            Transport::Plain(_) => false,
        }
    }

    /// The version of TLS; `None` without TLS.
    pub(in crate::sender) fn tls_version(&self) -> Option<&'static str> {
        match &self.transport {
            Transport::Tls(stream) => stream.get_ref().1.protocol_version().and_then(name),
            Transport::Plain(_) => None,
        }
    }
}

/// The name of a version of TLS that the client offers.
const fn name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
        ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
        _ => None,
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            self.meter.record_received();
        }
        read
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.meter.record_written();
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        })?;
        self.meter.record_flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.meter.record_written();
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
        }
    }
}
