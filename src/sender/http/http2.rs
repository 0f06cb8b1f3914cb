//! One exchange over HTTP/2, by h2: the request's body is in our hands, so that it is let go when its exchange is over.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{MaybeDone, maybe_done};
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream, SendStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response, Version};
use tokio::time::{sleep, timeout};

use super::super::egress::{Fault, Guarded, Mark, Meter};
use super::answer::Answer;
use super::body::Received;
use super::error::ExchangeError;
use super::link::Link;
use super::pool::Lease;
use super::settle::{MOST_HEAD_BYTES, MOST_INTERIM, settle};

pub(super) type Handle = SendRequest<Bytes>;

/// Most bytes of one request that wait in the connection.
const MOST_BUFFERED: usize = 64 * 1024;

/// A connection, for one exchange among others.
pub(super) struct Http2 {
    pub(super) handle: Handle,
    pub(super) lease: Lease,
}

/// The two halves of a connection: who asks, and what has to be driven.
///
/// Every use of a shared connection renews its idle time, so one that a firewall has forgotten would be handed out until TCP
/// gives up. Pings find it out while the exchange can still be made on another.
pub(super) async fn handshake(
    stream: Guarded,
    link: Arc<Link>,
    patience: Duration,
) -> Result<(Handle, impl Future<Output = ()> + Send + 'static), h2::Error> {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        // How many streams the server takes is not known before it has said so; until then the others go elsewhere.
        .initial_max_send_streams(1)
        .max_header_list_size(u32::try_from(MOST_HEAD_BYTES).unwrap_or(u32::MAX))
        .max_send_buffer_size(MOST_BUFFERED);
    let (handle, mut connection) = builder.handshake(stream).await?;
    let pings = connection.ping_pong();
    let driven = async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
            },
            () = silence(pings, &link, patience) => tracing::debug!("a connection has gone silent"),
        }
    };
    Ok((handle, driven))
}

/// Returns when the peer answers nothing any more while exchanges are under way.
async fn silence(pings: Option<PingPong>, link: &Link, patience: Duration) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        sleep(patience).await;
        if link.active() == 0 {
            continue;
        }
        let mark = Mark::now();
        let answered = timeout(patience, pings.ping(Ping::opaque())).await;
        if !matches!(answered, Ok(Ok(_))) && !link.meter.received_since(mark) {
            link.meter.condemn(Fault::Silent);
            return;
        }
    }
}

impl Http2 {
    /// Leaves in `answer` what is known, as soon as it is known. When it ends, by itself or with its budget, nothing is left
    /// of the request in the connection.
    pub(super) async fn exchange(
        self,
        request: Request<Bytes>,
        most_bytes: usize,
        answer: &mut Answer,
    ) -> Result<(), ExchangeError> {
        let Self { handle, lease } = self;
        let meter = lease.link.meter.clone();
        let (head, bytes) = in_absolute_form(request);
        let (mut response, stream) = handle.ready().await?.send_request(head, bytes.is_empty())?;
        let mut upload =
            std::pin::pin!(maybe_done(upload(Upload { stream, is_over: bytes.is_empty() }, bytes, &meter)));
        let mut interim = 0;
        let answered = poll_fn(|cx| {
            let _ = upload.as_mut().poll(cx).is_ready();
            poll_answer(&mut response, &mut interim, cx)
        });
        let (head, body) = match answered.await {
            Ok(answered) => answered.into_parts(),
            Err(error) => {
                // A stream that was reset says nothing of the others.
                if matches!(&error, ExchangeError::Http2(error) if error.is_reset()) {
                    lease.keep();
                }
                return Err(error);
            }
        };
        let all_out = async {
            if !matches!(*upload, MaybeDone::Done(_)) {
                upload.as_mut().await;
            }
            let all_taken = upload.as_mut().take_output().unwrap_or(false);
            tokio::select! {
                () = meter.sent() => all_taken,
                () = lease.link.ended() => all_taken && meter.is_sent(),
            }
        };
        answer.head = Some(head);
        settle(answer, Received::Http2(body), most_bytes, all_out, lease.bounds).await;
        if !answer.is_hasty() {
            lease.keep();
        }
        Ok(())
    }
}

/// RFC 9113 section 8.3.1.
fn in_absolute_form(request: Request<Bytes>) -> (Request<()>, Bytes) {
    let (mut head, bytes) = request.into_parts();
    head.version = Version::HTTP_2;
    if !bytes.is_empty() || head.method == Method::POST {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    (Request::from_parts(head, ()), bytes)
}

fn poll_answer(
    response: &mut ResponseFuture,
    interim: &mut u32,
    cx: &mut Context<'_>,
) -> Poll<Result<Response<RecvStream>, ExchangeError>> {
    while let Poll::Ready(Some(informed)) = response.poll_informational(cx) {
        *interim += 1;
        if informed.is_err() || *interim > MOST_INTERIM {
            break;
        }
    }
    if *interim > MOST_INTERIM {
        return Poll::Ready(Err(ExchangeError::Fault(Fault::Interim)));
    }
    std::pin::Pin::new(response).poll(cx).map_err(ExchangeError::Http2)
}

/// What is left of a request's body is taken out of the connection.
struct Upload {
    stream: SendStream<Bytes>,
    is_over: bool,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_over {
            self.stream.send_reset(Reason::CANCEL);
        }
    }
}

/// Hands over as much as the peer lets pass, and no more. Returns whether that was all of it.
async fn upload(mut upload: Upload, mut bytes: Bytes, meter: &Meter) -> bool {
    while !bytes.is_empty() {
        let Some(room) = room(&mut upload.stream, bytes.len()).await else { return false };
        let piece = bytes.split_to(room.min(bytes.len()));
        if upload.stream.send_data(piece, bytes.is_empty()).is_err() {
            return false;
        }
        meter.taken();
    }
    upload.is_over = true;
    true
}

/// How much the peer lets pass now; `None` when it will not take any more.
async fn room(stream: &mut SendStream<Bytes>, wanted: usize) -> Option<usize> {
    stream.reserve_capacity(wanted.min(MOST_BUFFERED));
    while stream.capacity() == 0 {
        poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
    }
    Some(stream.capacity())
}
