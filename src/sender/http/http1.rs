//! One exchange over HTTP/1.1, with hyper.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;

use super::super::egress::{GuardedStream, Meter, PeerFault};
use super::body::{BodyEnd, RequestBody, ResponseBody};
use super::error::ExchangeError;
use super::finish::{MAX_HEAD_BYTES, MAX_INTERIM, finish};
use super::lease::Lease;
use super::registry::Http1Handle;
use super::response::PartialResponse;

/// A connection for one exchange. No other exchange uses it at the same time.
pub(super) struct Http1 {
    pub(super) handle: Http1Handle,
    pub(super) lease: Lease,
}

/// Returns the handle that sends requests, and the future that drives the connection.
pub(super) async fn handshake(
    stream: GuardedStream,
) -> Result<(Http1Handle, impl Future<Output = ()> + Send + 'static), hyper::Error> {
    let (handle, connection) = Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let driver = async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection failed");
        }
    };
    Ok((handle, driver))
}

impl Http1 {
    /// Fills `response` step by step. The connection is reused only if the request and the response are complete.
    pub(super) async fn exchange(
        mut self,
        request: Request<Bytes>,
        max_bytes: usize,
        response: &mut PartialResponse<'_>,
    ) -> Result<(), ExchangeError> {
        let meter = self.lease.state.meter.clone();
        let request = in_origin_form(request, &meter);
        let (head, body) = self.handle.send_request(request).await?.into_parts();
        let request_sent = async {
            tokio::select! {
                () = meter.wait_sent() => true,
                () = self.lease.state.wait_closed() => meter.is_sent(),
            }
        };
        response.set_head(head, meter.is_sent());
        finish(response, ResponseBody::Http1(body), max_bytes, request_sent, self.lease.limits).await;
        if response.body_end == BodyEnd::Complete && meter.is_sent() && self.handle.ready().await.is_ok() {
            self.lease.put_back(self.handle);
        }
        Ok(())
    }
}

/// Converts the request to origin form (RFC 9112 section 3.2.1).
fn in_origin_form(request: Request<Bytes>, meter: &Meter) -> Request<RequestBody> {
    let mut request = request.map(|bytes| RequestBody::new(bytes, meter.clone()));
    if let Some(host) = host(request.uri()) {
        request.headers_mut().insert(HOST, host);
    }
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    let (seen, meter) = (AtomicU32::new(0), meter.clone());
    hyper::ext::on_informational(&mut request, move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) >= MAX_INTERIM {
            meter.set_fault(PeerFault::TooManyInterim);
        }
    });
    request
}

/// The `Host` header. It leaves out the default port.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = uri.host()?;
    let port = uri.port_u16().filter(|port| *port != default);
    let text = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    HeaderValue::try_from(text).ok()
}
