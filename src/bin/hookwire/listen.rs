//! `hookwire listen`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookwire::clock::{Clock as _, SystemClock};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::failure::Failure;
use super::output::{BAD, DIM, Output, styled};
use super::source::{Known, Verdict};
use super::{args, captured, client, verify};

/// The longest accepted body, in bytes.
const MAX_BODY: usize = 64 << 20;

struct Listener {
    known: Known,
    forward: Option<Uri>,
    answer: StatusCode,
    record: Option<PathBuf>,
    left: Option<AtomicU64>,
    done: Notify,
    output: Output,
}

pub(crate) async fn run(args: args::Listen, output: Output) -> Result<bool, Failure> {
    let known = Known::read(&args.source)?;
    let forward = args.forward.map(|url| url.parse::<Uri>()).transpose()?;
    forward.as_ref().map(client::parts).transpose()?;
    let address = if args.port.contains(':') { args.port } else { format!("127.0.0.1:{}", args.port) };
    let listener =
        TcpListener::bind(&address).await.map_err(|error| Failure::new(format!("--port {address}: {error}")))?;
    let url = format!("http://{}/", listener.local_addr()?);
    output.say(&json!({ "listening": url }), format!("listening at {url}"));
    if !known.has_secret() {
        output.remark("signatures are not checked: add --secret (and --provider) to check them");
    }
    let left = args.count.map(AtomicU64::new);
    let answer = StatusCode::from_u16(args.answer)?;
    let done = Notify::new();
    let state = Arc::new(Listener { known, forward, answer, record: args.record, left, done, output });
    let app = Router::new().fallback(receive).with_state(Arc::clone(&state));
    let stop = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = state.done.notified() => {}
        }
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(true)
}

async fn receive(State(listener): State<Arc<Listener>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request::from_parts(parts, body);
    listener.record(&request);
    let (verdict, document, text) = listener.judge(&request).await;
    let answer = match (&listener.forward, verdict) {
        (Some(base), _) => listener.forward(base, &request).await,
        (None, false) => StatusCode::UNAUTHORIZED.into_response(),
        (None, true) => listener.answer.into_response(),
    };
    listener.show(&request, answer.status(), document, &text);
    if let Some(left) = &listener.left
        && left.fetch_sub(1, Ordering::Relaxed) <= 1
    {
        listener.done.notify_one();
    }
    answer
}

impl Listener {
    /// Returns whether the request is valid, and its description for programs and for people. Without a secret, the description contains
    /// only the provider that the request resembles.
    async fn judge(&self, request: &Request<Bytes>) -> (bool, Value, String) {
        let scheme = self.known.scheme(request);
        if !self.known.has_secret() && scheme.requires_key() {
            let text = styled(DIM, format!("looks like a request of {}: not checked", scheme.name()));
            return (true, json!({ "provider": scheme.name(), "valid": null }), text);
        }
        let verdict: Verdict = self.known.check(scheme, request, Some(SystemClock.now())).await;
        verify::report(scheme, &verdict)
    }

    async fn forward(&self, base: &Uri, request: &Request<Bytes>) -> Response {
        match client::exchange(aimed(base, request)).await {
            Ok(response) => {
                let (mut parts, body) = response.into_parts();
                parts.headers.remove(TRANSFER_ENCODING);
                parts.headers.remove(CONTENT_LENGTH);
                Response::from_parts(parts, Body::from(body))
            }
            Err(failure) => {
                self.output.remark(format!("forward: {failure}"));
                StatusCode::BAD_GATEWAY.into_response()
            }
        }
    }

    fn record(&self, request: &Request<Bytes>) {
        let Some(file) = &self.record else { return };
        let line = captured::write(request, SystemClock.now());
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut file| writeln!(file, "{line}"));
        if let Err(error) = written {
            self.output.remark(format!("--record {}: {error}", file.display()));
        }
    }

    fn show(&self, request: &Request<Bytes>, status: StatusCode, mut document: Value, text: &str) {
        document["method"] = request.method().as_str().into();
        document["path"] = request.uri().path().into();
        document["bytes"] = request.body().len().into();
        document["status"] = status.as_u16().into();
        let at = SystemClock.now().to_string();
        let time = at.get(11..19).unwrap_or(&at);
        let status = if status.is_success() { status.as_u16().to_string() } else { styled(BAD, status.as_u16()) };
        let (method, path, length) = (request.method(), request.uri().path(), request.body().len());
        self.output.say(&document, format!("{time} {method} {path} {length} B -> {status} {text}"));
    }
}

/// Returns the request with its URL replaced by this one. If the new URL has no path, the path of the request is kept.
pub(crate) fn aimed(base: &Uri, request: &Request<Bytes>) -> Request<Bytes> {
    let own = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let target = match base.path_and_query().map(http::uri::PathAndQuery::as_str) {
        None | Some("/") => own.to_owned(),
        Some(target) => target.to_owned(),
    };
    let mut aimed = request.clone();
    let mut parts = base.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    *aimed.uri_mut() = Uri::from_parts(parts).unwrap_or_else(|_| base.clone());
    for name in ["connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"] {
        aimed.headers_mut().remove(name);
    }
    aimed
}
