//! What both protocols do with an answer whose head has come.

use std::future::Future;

use tokio::time::timeout;

use super::answer::Answer;
use super::body::Received;
use super::link::Bounds;

/// Most bytes of an answer's head.
pub(super) const MOST_HEAD_BYTES: usize = 64 * 1024;

/// Most interim answers (RFC 9110 section 15.2) before the one that counts.
pub(super) const MOST_INTERIM: u32 = 32;

/// Reads the body while the rest of the request goes out. A refusal needs no more of the request. A success does: `all_out`
/// says whether everything went out, and is waited for, within bounds.
pub(super) async fn settle(
    answer: &mut Answer,
    body: Received,
    most_bytes: usize,
    all_out: impl Future<Output = bool>,
    bounds: Bounds,
) {
    let is_success = answer.head.as_ref().is_some_and(|head| head.status.is_success());
    let Answer { body: into, end, is_sent, .. } = answer;
    let sending = async {
        if is_success {
            *is_sent = timeout(bounds.patience, all_out).await.unwrap_or(false);
        }
    };
    tokio::join!(body.read(most_bytes, into, end), sending);
}
