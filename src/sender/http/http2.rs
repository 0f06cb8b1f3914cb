//! One exchange over HTTP/2, with h2. The request body is written here, not by a background task, so that it is dropped when its
//! exchange ends.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{MaybeDone, maybe_done};
use h2::client::{Builder, ResponseFuture};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response, Version};
use tokio::time::{sleep, timeout};

use super::super::egress::{GuardedStream, LogicalTime, Meter, PeerFault};
use super::body::ResponseBody;
use super::connection::ConnectionState;
use super::error::ExchangeError;
use super::finish::{MAX_HEAD_BYTES, MAX_INTERIM, finish};
use super::lease::Lease;
use super::registry::Http2Handle;
use super::response::PartialResponse;

/// Maximum number of bytes of one request that h2 buffers.
const MAX_BUFFERED: usize = 64 * 1024;

/// A connection for one exchange. Other exchanges use it at the same time.
pub(super) struct Http2 {
    pub(super) handle: Http2Handle,
    pub(super) lease: Lease,
}

/// Returns the handle that opens streams, and the future that drives the connection.
///
/// Every use of a shared connection restarts its idle timeout. Without pings, a connection that a firewall has dropped would be
/// reused until TCP gives up. The pings find it while the exchange can still be made on another connection.
pub(super) async fn handshake(
    stream: GuardedStream,
    state: Arc<ConnectionState>,
    ping_timeout: Duration,
) -> Result<(Http2Handle, impl Future<Output = ()> + Send + 'static), h2::Error> {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        // The server's limit is not known before its settings arrive. Until then, other exchanges use other connections.
        .initial_max_send_streams(1)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_send_buffer_size(MAX_BUFFERED);
    let (handle, mut connection) = builder.handshake(stream).await?;
    let pings = connection.ping_pong();
    let driver = async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection failed");
            },
            () = wait_unresponsive(pings, &state, ping_timeout) => tracing::debug!("a server stopped responding"),
        }
    };
    Ok((handle, driver))
}

/// Waits until the server does not reply to a ping while an exchange is in progress.
async fn wait_unresponsive(pings: Option<PingPong>, state: &ConnectionState, ping_timeout: Duration) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(ping_timeout).await;
        if state.active() == 0 {
            continue;
        }
        let sent_at = LogicalTime::now();
        let reply = timeout(ping_timeout, pings.ping(Ping::opaque())).await;
        if !matches!(reply, Ok(Ok(_))) && !state.meter.received_since(sent_at) {
            state.meter.set_fault(PeerFault::Unresponsive);
            return;
        }
    }
}

impl Http2 {
    /// Fills `response` step by step. When the future ends or is dropped, nothing of the request remains in the connection.
    pub(super) async fn exchange(
        self,
        request: Request<Bytes>,
        max_bytes: usize,
        response: &mut PartialResponse<'_>,
    ) -> Result<(), ExchangeError> {
        let Self { handle, lease } = self;
        let meter = lease.state.meter.clone();
        let (head, bytes) = in_absolute_form(request);
        let (mut response_future, stream) = handle.ready().await?.send_request(head, bytes.is_empty())?;
        let mut upload =
            std::pin::pin!(maybe_done(upload(Upload { stream, is_complete: bytes.is_empty() }, bytes, &meter)));
        let mut interim = 0;
        let received = poll_fn(|cx| {
            let _ = upload.as_mut().poll(cx).is_ready();
            poll_response(&mut response_future, &mut interim, cx)
        });
        let (head, body) = match received.await {
            Ok(received) => received.into_parts(),
            Err(error) => {
                // A reset of one stream does not affect the others.
                if matches!(&error, ExchangeError::Http2(error) if error.is_reset()) {
                    lease.keep();
                }
                return Err(error);
            }
        };
        let is_taken = matches!(*upload, MaybeDone::Done(true));
        let request_sent = async {
            if !matches!(*upload, MaybeDone::Done(_)) {
                upload.as_mut().await;
            }
            let all_taken = upload.as_mut().take_output().unwrap_or(false);
            tokio::select! {
                () = meter.wait_sent() => all_taken,
                () = lease.state.wait_closed() => all_taken && meter.is_sent(),
            }
        };
        response.set_head(head, is_taken && meter.is_sent());
        finish(response, ResponseBody::Http2(body), max_bytes, request_sent, lease.limits).await;
        if !response.is_premature_success() {
            lease.keep();
        }
        Ok(())
    }
}

/// Converts the request to absolute form (RFC 9113 section 8.3.1).
fn in_absolute_form(request: Request<Bytes>) -> (Request<()>, Bytes) {
    let (mut head, bytes) = request.into_parts();
    head.version = Version::HTTP_2;
    if !bytes.is_empty() || head.method == Method::POST {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    (Request::from_parts(head, ()), bytes)
}

/// Counts the interim responses, and fails if there are too many.
fn poll_response(
    response: &mut ResponseFuture,
    interim: &mut u32,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RecvStream>, ExchangeError>> {
    while let Poll::Ready(Some(informed)) = response.poll_informational(cx) {
        *interim += 1;
        if informed.is_err() || *interim > MAX_INTERIM {
            break;
        }
    }
    if *interim > MAX_INTERIM {
        return Poll::Ready(Err(ExchangeError::PeerFault(PeerFault::TooManyInterim)));
    }
    std::pin::Pin::new(response).poll(cx).map_err(ExchangeError::Http2)
}

/// The sending side of a stream. If it is dropped before the body is complete, the stream is reset, which also drops what h2 has
/// buffered of the body.
struct Upload {
    stream: SendStream<Bytes>,
    is_complete: bool,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_complete {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}

/// Sends the body as far as the server's flow control allows. Returns whether all of it was sent.
async fn upload(mut upload: Upload, mut bytes: Bytes, meter: &Meter) -> bool {
    while !bytes.is_empty() {
        let Some(capacity) = wait_capacity(&mut upload.stream, bytes.len()).await else { return false };
        let piece = bytes.split_to(capacity.min(bytes.len()));
        if upload.stream.send_data(piece, bytes.is_empty()).is_err() {
            return false;
        }
        meter.body_taken();
    }
    upload.is_complete = true;
    true
}

/// Waits until the server's flow control allows at least one byte; `None` if the stream is closed.
async fn wait_capacity(stream: &mut SendStream<Bytes>, wanted: usize) -> Option<usize> {
    stream.reserve_capacity(wanted.min(MAX_BUFFERED));
    while stream.capacity() == 0 {
        poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
    }
    Some(stream.capacity())
}
