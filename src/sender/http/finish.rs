//! The end of an exchange, after the response head was received. It is the same for HTTP/1 and HTTP/2.

use std::future::Future;

use tokio::time::timeout;

use super::body::ResponseBody;
use super::connection::ConnectionLimits;
use super::response::PartialResponse;

/// Maximum size of a response head.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Maximum number of interim responses (RFC 9110 section 15.2) before the final response.
pub(super) const MAX_INTERIM: u32 = 32;

/// Reads the body. After a success it also waits for `request_sent`, which returns whether the whole request was sent, for at most
/// the progress timeout. Other statuses are final without the rest of the request.
pub(super) async fn finish(
    response: &mut PartialResponse<'_>,
    body: ResponseBody,
    max_bytes: usize,
    request_sent: impl Future<Output = bool>,
    limits: ConnectionLimits,
) {
    let is_success = response.head.as_ref().is_some_and(|head| head.status.is_success());
    let PartialResponse { body: into, body_end, is_request_sent, .. } = response;
    let sending = async {
        if is_success {
            *is_request_sent = timeout(limits.progress_timeout, request_sent).await.unwrap_or(false);
        }
    };
    tokio::join!(body.read(max_bytes, into, body_end), sending);
}
