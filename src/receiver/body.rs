//! The body of a request, read within limits.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request};
use http_body::Body;

use super::reject::{Rejection, RejectionKind};

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    /// The longest body, in bytes, as received and after decompression.
    pub(super) max_bytes: usize,
    /// How long the whole body may take.
    pub(super) deadline: Duration,
}

/// A request whose body is complete and within the limits. The bytes are as received.
#[derive(Debug)]
pub(super) struct Limited(Request<Bytes>, usize);

impl Limited {
    /// Reads the body. Fails before reading if the announced length is too long, and while reading as soon as the body is too long.
    pub(super) async fn read<B: Body>(request: Request<B>, limits: BodyLimits) -> Result<Self, Rejection> {
        let (parts, body) = request.into_parts();
        let announced = declared_length(&parts.headers).unwrap_or(0).max(body.size_hint().lower());
        if exceeds(announced, limits.max_bytes) {
            return Err(Rejection::too_large(limits.max_bytes));
        }
        let bytes = tokio::time::timeout(limits.deadline, collect(body, limits.max_bytes))
            .await
            .map_err(|_| Rejection::new(RejectionKind::BodyTimeout))??;
        Ok(Self(Request::from_parts(parts, bytes), limits.max_bytes))
    }

    /// Checks a body that the framework has read.
    pub(super) fn of(request: Request<Bytes>, limits: BodyLimits) -> Result<Self, Rejection> {
        if request.body().len() > limits.max_bytes {
            return Err(Rejection::too_large(limits.max_bytes));
        }
        Ok(Self(request, limits.max_bytes))
    }

    pub(super) const fn request(&self) -> &Request<Bytes> {
        &self.0
    }

    /// The longest body, in bytes.
    pub(super) const fn max_bytes(&self) -> usize {
        self.1
    }

    pub(super) fn into_request(self) -> Request<Bytes> {
        self.0
    }
}

/// The announced length, for an early rejection only: the received bytes are counted. The server rejects contradicting lengths.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn exceeds(length: u64, max_bytes: usize) -> bool {
    usize::try_from(length).map_or(true, |length| length > max_bytes)
}

/// Reads a body of at most this many bytes.
pub(super) async fn collect<B: Body>(body: B, max_bytes: usize) -> Result<Bytes, Rejection> {
    let mut body = pin!(body);
    let mut collected = Collected::default();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Rejection::new(RejectionKind::BodyBroken))?;
        // A frame without data holds trailers. They are not signed, so they are dropped.
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > max_bytes.saturating_sub(collected.len()) {
            return Err(Rejection::too_large(max_bytes));
        }
        collected.push(data.copy_to_bytes(data.remaining()));
    }
    Ok(collected.into_bytes())
}

/// The frames so far. A body of one frame is not copied; most bodies have one frame.
#[derive(Debug, Default)]
struct Collected {
    first: Bytes,
    rest: BytesMut,
}

impl Collected {
    fn len(&self) -> usize {
        self.first.len().saturating_add(self.rest.len())
    }

    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = data;
        } else {
            self.rest.extend_from_slice(&std::mem::take(&mut self.first));
            self.rest.extend_from_slice(&data);
        }
    }

    fn into_bytes(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    const LIMITS: BodyLimits = BodyLimits { max_bytes: 8, deadline: Duration::from_secs(10) };

    async fn read<B: Body>(body: B) -> Result<Bytes, RejectionKind> {
        Limited::read(Request::new(body), LIMITS)
            .await
            .map(|limited| limited.into_request().into_body())
            .map_err(|rejection| rejection.kind())
    }

    fn frames(parts: &'static [&'static str]) -> impl Body<Data = Bytes, Error = Infallible> {
        StreamBody::new(stream::iter(parts.iter().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes()))))))
    }

    #[tokio::test]
    async fn frames_are_joined_in_order() {
        assert_eq!(read(frames(&["ab", "", "cd", "ef"])).await.unwrap(), "abcdef");
        assert_eq!(read(frames(&[])).await.unwrap(), "");
    }

    #[tokio::test]
    async fn the_limit_itself_is_within_the_limit() {
        assert_eq!(read(frames(&["1234", "5678"])).await.unwrap(), "12345678");
        assert_eq!(read(frames(&["1234", "5678", "9"])).await, Err(RejectionKind::BodyTooLarge));
    }

    #[tokio::test]
    async fn a_single_frame_is_not_copied() {
        let bytes = Bytes::from_static(b"12345678");
        assert_eq!(read(Full::new(bytes.clone())).await.unwrap().as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn unreadable_lengths_are_left_to_counting() {
        for length in ["", "-1", "0x2", "99999999999999999999999"] {
            let request = Request::builder().header(CONTENT_LENGTH, length).body(frames(&["ab"])).unwrap();
            assert_eq!(Limited::read(request, LIMITS).await.unwrap().request().body(), "ab");
        }
    }

    #[tokio::test]
    async fn trailers_are_not_part_of_the_body() {
        let trailers = Frame::trailers(HeaderMap::from_iter([(CONTENT_LENGTH, "1".parse().unwrap())]));
        let list = [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"ab"))), Ok(trailers)];
        assert_eq!(read(StreamBody::new(stream::iter(list))).await.unwrap(), "ab");
    }
}
