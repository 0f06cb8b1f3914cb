//! Bodies in both directions and both protocols.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::super::egress::Meter;

/// The body of a request over HTTP/1. Says when the protocol has taken it.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Option<Bytes>,
    meter: Meter,
}

impl Payload {
    pub(super) fn new(bytes: Bytes, meter: Meter) -> Self {
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty());
        if bytes.is_some() {
            meter.hold();
        }
        Self { bytes, meter }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let taken = self.bytes.take();
        if taken.is_some() {
            self.meter.taken();
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

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Received {
    Http1(Incoming),
    Http2(h2::RecvStream),
}

/// How far a body was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// It was not, or it broke off.
    #[default]
    Missing,
    /// To its end.
    Read,
    /// There was more than may be read.
    Beyond,
}

impl Received {
    /// Reads to the end, so that the connection can serve again; or as much as is allowed, which ends the connection.
    pub(super) async fn read(mut self, most: usize, into: &mut BytesMut, end: &mut End) {
        loop {
            let data = match self.next().await {
                Some(Ok(data)) => data,
                Some(Err(())) => return,
                None => break,
            };
            let room = most.saturating_sub(into.len());
            into.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() > room {
                *end = End::Beyond;
                return;
            }
        }
        *end = End::Read;
    }

    /// The next piece; what is wrong with it does not matter, because the head has decided.
    async fn next(&mut self) -> Option<Result<Bytes, ()>> {
        match self {
            Self::Http1(body) => loop {
                let frame = body.frame().await?;
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
