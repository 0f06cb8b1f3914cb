//! Handles an event: claims it, runs the handler, and then records the event or makes it new again.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;

use super::dedup::{DedupGuard, Deduplicated};
use super::gate::{Admitted, Gate};
use super::reject::{Rejection, RejectionKind};
use super::response::{HandlerResponse, bare, duplicate, first, remembered, worse};
use super::verified::{Accepted, Verified};
use crate::store::{FirstResponse, Settled, StoreError};
use crate::telemetry;

impl Gate {
    /// Reads, checks and handles a request of a framework without tower. The body must be a [`Body`]; for any other body, see
    /// [`receive_bytes`](Self::receive_bytes). The response to an event is what the handler [returned](HandlerResponse::for_duplicates),
    /// for the first request and for its duplicates, unless the provider requires another response. If a request contains many events, the
    /// handler runs for each, one after the other. The response is then the first that is not a success. The provider tries again, and the
    /// events that were handled are then duplicates. A rejected request is traced, and the extensions of the response contain its
    /// [`Rejection`].
    pub async fn receive<B, A, F, Fut>(&self, request: Request<B>, handler: F) -> Response<Bytes>
    where
        B: Body,
        A: HandlerResponse,
        F: FnMut(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        self.respond(self.admit(request).await, handler).await
    }

    /// Checks and handles a request of any framework, as [`receive`](Self::receive) does. The framework has read the body.
    ///
    /// `head` is the method, the URI as the provider sent it, and the headers. Each may have any type that converts into a [`Method`], a
    /// [`Uri`], a [`HeaderName`] or a [`HeaderValue`], such as a type of the framework or a text. `body` is the raw body. Let the framework
    /// read at most [`max_body`](Self::max_body) bytes, or one byte more; a body with this additional byte is answered with 413.
    ///
    /// If the future is dropped, for example because the client has closed the connection, the event is new again: in this process for
    /// the next request, in other processes when the lease ends.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use hookwire::receiver::{Receiver, Source, Verified};
    /// use hookwire::store::MemoryDedup;
    /// use http::StatusCode;
    ///
    /// async fn handle(event: Verified) -> Result<StatusCode, std::io::Error> {
    ///     println!("{:?}", event.event_id());
    ///     Ok(StatusCode::ACCEPTED)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Source::github("It's a Secret to Everybody")?;
    /// let gate = Receiver::builder(MemoryDedup::new()).source(source).build()?.gate("github")?;
    ///
    /// let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    /// let headers = [("x-hub-signature-256", signature), ("x-github-delivery", "72d3162e")];
    /// let response = gate.receive_bytes(("POST", "/hooks/github", headers), "Hello, World!", handle).await;
    /// assert_eq!(response.status(), 202);
    ///
    /// let repeated = gate.receive_bytes(("POST", "/hooks/github", headers), "Hello, World!", handle).await;
    /// assert_eq!(repeated.headers()["webhook-duplicate"], "true");
    ///
    /// let forged = gate.receive_bytes(("POST", "/hooks/github", headers), "Hello, Moon!", handle).await;
    /// assert_eq!(forged.status(), 401);
    /// # Ok(()) }
    /// ```
    pub fn receive_bytes<M, U, H, K, V, D, A, F, Fut>(
        &self,
        head: (M, U, H),
        body: D,
        handler: F,
    ) -> impl Future<Output = Response<Bytes>> + use<'_, M, U, H, K, V, D, A, F, Fut>
    where
        M: TryInto<Method>,
        U: TryInto<Uri>,
        H: IntoIterator<Item = (K, V)>,
        K: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
        D: Into<Bytes>,
        A: HandlerResponse,
        F: FnMut(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        // The future contains no value of the framework, whose types may not be `Send`.
        let (method, uri, headers) = head;
        let headers = headers.into_iter().map(|(name, value)| Some((name.try_into().ok()?, value.try_into().ok()?)));
        let request = request(method.try_into().ok(), uri.try_into().ok(), headers, body.into());
        async move {
            let admitted = match request {
                Some(request) => self.admit_bytes(request).await,
                None => Err(Rejection::new(RejectionKind::Malformed)),
            };
            self.respond(admitted, handler).await
        }
    }

    /// Returns the response to a request that was admitted or rejected.
    async fn respond<A, F, Fut>(&self, admitted: Admitted, mut handler: F) -> Response<Bytes>
    where
        A: HandlerResponse,
        F: FnMut(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        let (events, request) = match admitted {
            Ok((Accepted::Event(verified), request)) => (vec![verified], request),
            Ok((Accepted::Batch(events), request)) => (events, request),
            Ok((Accepted::Handshake(reply), _)) => return self.answer(reply).await,
            Err(rejection) => return self.reject(&rejection),
        };
        let mut answer = bare(StatusCode::OK);
        for verified in events {
            let next = match self.run(verified, &mut handler).await {
                Ok(Deduplicated::Fresh((answer, response))) => {
                    first(FirstResponse { status: answer.status().as_u16(), ..response })
                }
                Ok(Deduplicated::Duplicate(answer)) => duplicate(answer),
                Err(rejection) => self.reject(&rejection),
            };
            answer = worse(answer, next);
        }
        self.acknowledge(answer, request.headers())
    }

    /// Claims an event, for a handler that finishes the claim itself, for example in its own transaction. Other handlers use
    /// [`handle`](Self::handle).
    ///
    /// # Errors
    /// Returns [`RejectionKind::Busy`] while the event is being handled, and [`RejectionKind::StoreUnavailable`] if the store
    /// fails (R-37).
    pub async fn begin(&self, verified: &Verified) -> Result<Deduplicated<DedupGuard>, Rejection> {
        self.deduper().begin(&verified.dedup_entries()).await
    }

    /// Runs `handler`, unless the event was handled before or is being handled, and returns what it returned.
    ///
    /// - A 2xx response is remembered for the retention. If the store cannot record it, the response is returned nevertheless and the error
    ///   is traced. The event was handled, and a 5xx would only make the provider send it again.
    /// - After any other response, and after a panic, the event is new again.
    /// - If this future is dropped, the handler is cut off. The event is then new again: in this process for the next request, in
    ///   other processes when the lease ends.
    ///
    /// # Errors
    /// Returns [`RejectionKind::Busy`] while the event is being handled, [`RejectionKind::StoreUnavailable`] if the store fails, and
    /// [`RejectionKind::HandlerPanicked`] if the handler panics.
    pub async fn handle<A, F, Fut>(&self, verified: Verified, handler: F) -> Result<Deduplicated<A>, Rejection>
    where
        A: HandlerResponse,
        F: FnOnce(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        Ok(match self.run(verified, handler).await? {
            Deduplicated::Fresh((answer, _)) => Deduplicated::Fresh(answer),
            Deduplicated::Duplicate(answer) => Deduplicated::Duplicate(answer),
        })
    }

    /// Does what [`handle`](Self::handle) does. Returns the response for duplicates as well.
    async fn run<A, F, Fut>(
        &self,
        verified: Verified,
        handler: F,
    ) -> Result<Deduplicated<(A, FirstResponse)>, Rejection>
    where
        A: HandlerResponse,
        F: FnOnce(Verified) -> Fut,
        Fut: Future<Output = A>,
    {
        let guard = match self.begin(&verified).await? {
            Deduplicated::Fresh(guard) => guard,
            Deduplicated::Duplicate(answer) => {
                telemetry::duplicate("receiver");
                return Ok(Deduplicated::Duplicate(answer));
            }
        };
        let Ok(answer) = caught(async { handler(verified).await }).await else {
            self.abandon_claim(guard).await;
            return Err(Rejection::new(RejectionKind::HandlerPanicked));
        };
        let response = answer.for_duplicates();
        match answer.status() {
            status if status.is_success() => self.finish_claim(guard, remembered(response.clone())).await,
            _ => self.abandon_claim(guard).await,
        }
        Ok(Deduplicated::Fresh((answer, response)))
    }

    async fn finish_claim(&self, guard: DedupGuard, answer: FirstResponse) {
        match guard.finish(answer).await {
            Ok(Settled::Done) => {}
            Ok(Settled::LeaseLost) => trace_late(self.source_name()),
            Err(error) => trace_unrecorded(self.source_name(), &error),
        }
    }

    async fn abandon_claim(&self, guard: DedupGuard) {
        if let Err(error) = guard.abandon().await {
            tracing::warn!(source = self.source_name(), reason = %error, "webhook lease was not released; it expires");
        }
    }
}

/// Builds a request from these parts. Returns `None` if one of them is `None`, or if there are too many headers.
fn request(
    method: Option<Method>,
    uri: Option<Uri>,
    headers: impl Iterator<Item = Option<(HeaderName, HeaderValue)>>,
    body: Bytes,
) -> Option<Request<Bytes>> {
    let mut request = Request::new(body);
    *request.method_mut() = method?;
    *request.uri_mut() = uri?;
    for header in headers {
        let (name, value) = header?;
        request.headers_mut().try_append(name, value).ok()?;
    }
    Some(request)
}

fn trace_late(source: &str) {
    tracing::warn!(
        source,
        "webhook handled after the end of its lease: another request may have been handled for the same event"
    );
}

fn trace_unrecorded(source: &str, error: &StoreError) {
    tracing::error!(source, reason = %error, "webhook handled, but not recorded in the dedup store");
}

/// Returns the output of the future, or the value of its panic. Nothing that the future owns is used after a panic.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
