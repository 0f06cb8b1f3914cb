//! The last step: run the handler, then remember or give up.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::dedup::{Begun, Ticket};
use super::reject::{Rejection, RejectionKind};
use super::{Gate, Verified};
use crate::store::{FirstAnswer, Settled, StoreError};
use crate::telemetry;

/// Stands, with the value `true`, in the answer to an event that was handled before.
pub const DUPLICATE_HEADER: HeaderName = HeaderName::from_static("webhook-duplicate");

/// What a handler answers. A 2xx status says that the event was handled and is remembered; anything else, that the
/// sender shall try again.
pub trait Answer {
    /// The status.
    fn status(&self) -> StatusCode;

    /// What a duplicate is answered: the status alone, unless the answer has a body that the provider uses.
    fn for_duplicates(&self) -> FirstAnswer {
        FirstAnswer::status(self.status().as_u16())
    }
}

impl Answer for StatusCode {
    fn status(&self) -> StatusCode {
        *self
    }
}

/// 204.
impl Answer for () {
    fn status(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }
}

impl<B> Answer for Response<B> {
    fn status(&self) -> StatusCode {
        Self::status(self)
    }
}

/// An error is a 500.
impl<A: Answer, E> Answer for Result<A, E> {
    fn status(&self) -> StatusCode {
        self.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, Answer::status)
    }

    fn for_duplicates(&self) -> FirstAnswer {
        match self {
            Ok(answer) => answer.for_duplicates(),
            Err(_) => FirstAnswer::status(StatusCode::INTERNAL_SERVER_ERROR.as_u16()),
        }
    }
}

/// What became of a verified event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Handled<A> {
    /// The handler ran and answered.
    Ran(A),
    /// It was handled before; the handler did not run. The sender gets the first answer again.
    Duplicate(FirstAnswer),
}

impl Gate {
    /// Runs `handler`, unless the event was handled before or is being handled.
    ///
    /// - A 2xx answer is remembered for the retention. When the store cannot, the handler's answer is given all the
    ///   same and the trouble is traced: the effect has happened, and a 5xx would only make it happen twice.
    /// - Any other answer, and a panic, make the event fresh again.
    /// - When this future is dropped meanwhile, the handler is cut off and the event is fresh again at the next
    ///   beginning in this process, and everywhere when its lease ends.
    ///
    /// # Errors
    /// [`Busy`](RejectionKind::Busy), [`StoreUnavailable`](RejectionKind::StoreUnavailable),
    /// [`HandlerPanicked`](RejectionKind::HandlerPanicked).
    pub async fn handle<A, F, Fut>(&self, verified: Verified, handler: F) -> Result<Handled<A>, Rejection>
    where
        A: Answer,
        F: FnOnce(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        let ticket = match self.begin(&verified).await? {
            Begun::Fresh(ticket) => ticket,
            Begun::Duplicate(answer) => {
                telemetry::duplicate("receiver");
                return Ok(Handled::Duplicate(answer));
            }
        };
        // Nothing of the handler is used after a panic, so it cannot be seen half-done.
        let run = AssertUnwindSafe(async { handler(verified).await }).catch_unwind();
        let Ok(answer) = run.await else {
            self.give_up(ticket).await;
            return Err(Rejection::new(RejectionKind::HandlerPanicked));
        };
        match answer.status() {
            status if status.is_success() => self.remember(ticket, answer.for_duplicates()).await,
            _ => self.give_up(ticket).await,
        }
        Ok(Handled::Ran(answer))
    }

    async fn remember(&self, ticket: Ticket, answer: FirstAnswer) {
        match ticket.finish(answer).await {
            Ok(Settled::Done) => {}
            Ok(Settled::LeaseLost) => trace_late(self.source_name()),
            Err(error) => trace_unrecorded(self.source_name(), &error),
        }
    }

    async fn give_up(&self, ticket: Ticket) {
        if let Err(error) = ticket.abandon().await {
            tracing::warn!(source = self.source_name(), reason = %error, "webhook claim ends with its lease");
        }
    }
}

fn trace_late(source: &str) {
    tracing::warn!(source, "webhook handled after its lease: another may have handled it too");
}

fn trace_unrecorded(source: &str, error: &StoreError) {
    tracing::error!(source, reason = %error, "webhook handled, but not recorded");
}

/// The answer to a duplicate: the first one again.
pub(super) fn duplicate<B: From<Bytes>>(answer: FirstAnswer) -> Response<B> {
    let mut response = Response::new(B::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if let Some(content_type) = answer.content_type.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(DUPLICATE_HEADER, HeaderValue::from_static("true"));
    response
}
