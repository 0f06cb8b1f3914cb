//! One exchange over HTTP/1.1, by hyper.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;

use super::super::egress::{Fault, Guarded, Meter};
use super::answer::Answer;
use super::body::{End, Payload, Received};
use super::error::ExchangeError;
use super::pool::Lease;
use super::settle::{MOST_HEAD_BYTES, MOST_INTERIM, settle};

pub(super) type Handle = SendRequest<Payload>;

/// A connection, for one exchange alone.
pub(super) struct Http1 {
    pub(super) handle: Handle,
    pub(super) lease: Lease,
}

/// The two halves of a connection: who asks, and what has to be driven.
pub(super) async fn handshake(
    stream: Guarded,
) -> Result<(Handle, impl Future<Output = ()> + Send + 'static), hyper::Error> {
    let (handle, connection) = Builder::new().max_buf_size(MOST_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let driven = async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
    };
    Ok((handle, driven))
}

impl Http1 {
    /// Leaves in `answer` what is known, as soon as it is known. The connection serves again only when both request and
    /// answer have come to their end.
    pub(super) async fn exchange(
        mut self,
        request: Request<Bytes>,
        most_bytes: usize,
        answer: &mut Answer,
    ) -> Result<(), ExchangeError> {
        let meter = self.lease.link.meter.clone();
        let request = in_origin_form(request, &meter);
        let (head, body) = self.handle.send_request(request).await?.into_parts();
        let all_out = async {
            tokio::select! {
                () = meter.sent() => true,
                () = self.lease.link.ended() => meter.is_sent(),
            }
        };
        answer.head = Some(head);
        settle(answer, Received::Http1(body), most_bytes, all_out, self.lease.bounds).await;
        if answer.end == End::Read && meter.is_sent() && self.handle.ready().await.is_ok() {
            self.lease.put_back(self.handle);
        }
        Ok(())
    }
}

/// RFC 9112 section 3.2.1.
fn in_origin_form(request: Request<Bytes>, meter: &Meter) -> Request<Payload> {
    let mut request = request.map(|bytes| Payload::new(bytes, meter.clone()));
    if let Some(host) = host(request.uri()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    let (seen, meter) = (AtomicU32::new(0), meter.clone());
    hyper::ext::on_informational(&mut request, move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) >= MOST_INTERIM {
            meter.condemn(Fault::Interim);
        }
    });
    request
}

/// The default port is not said.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?;
    let port = uri.port_u16().filter(|port| *port != default);
    let text = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::try_from(text).ok()
}
