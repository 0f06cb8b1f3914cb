//! Request and response bodies of HTTP/1 and HTTP/2.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::super::egress::Meter;

/// The body of an HTTP/1 request. It reports to the meter when hyper has taken it.
#[derive(Debug)]
pub(super) struct RequestBody {
    bytes: Option<Bytes>,
    meter: Meter,
}

impl RequestBody {
    pub(super) fn new(bytes: Bytes, meter: Meter) -> Self {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        if bytes.is_some() {
            meter.begin_body();
        }
        Self { bytes, meter }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let taken = self.bytes.take();
        if taken.is_some() {
            self.meter.body_taken();
        }
        Poll::Ready(taken.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// The body of a response.
#[derive(Debug)]
pub(super) enum ResponseBody {
    Http1(Incoming),
    Http2(h2::RecvStream),
}

/// How much of a body was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// It was not read, or it ended early.
    #[default]
    Incomplete,
    Complete,
    /// It is longer than the limit.
    TooLong,
}

impl ResponseBody {
    /// Reads at most `limit` bytes. The connection can be reused only after the complete body was read.
    pub(super) async fn read(mut self, limit: usize, into: &mut BytesMut, end: &mut BodyEnd) {
        loop {
            let data = match self.next().await {
                Some(Ok(data)) => data,
                Some(Err(())) => return,
                None => break,
            };
            let remaining = limit.saturating_sub(into.len());
            into.extend_from_slice(data.get(..remaining).unwrap_or(&data));
            if data.len() > remaining {
                *end = BodyEnd::TooLong;
                return;
            }
        }
        *end = BodyEnd::Complete;
    }

    /// Returns the next chunk. The error is dropped because the status has already decided the outcome.
    async fn next(&mut self) -> Option<Result<Bytes, ()>> {
        match self {
            Self::Http1(body) => loop {
                let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
                match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => return Some(Ok(data)),
                    Ok(Err(_trailers)) => {}
                    Err(_) => return Some(Err(())),
                }
            },
            Self::Http2(body) => {
                let data = body.data().await?.map_err(drop);
                let released = data.as_ref().is_ok_and(|data| body.flow_control().release_capacity(data.len()).is_ok());
                Some(if released { data } else { Err(()) })
            }
        }
    }
}
