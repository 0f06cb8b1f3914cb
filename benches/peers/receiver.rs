//! The receiver of all deliveries. It answers 204, and notes which events arrived.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::problem::Problem;

const MAX_BODY: usize = 1_024 * 1_024;

/// Listens, and returns the URL of the receiver. It ends with the program.
pub(crate) async fn start(ledger: Arc<Ledger>, port: u16, delay: Duration) -> Result<String, Problem> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let remedy = "set PEERS_RECEIVER_PORT to a free port, or unset it";
    let wrong = |error| Problem::new(format!("the receiver cannot listen on port {port}: {error}; {remedy}"));
    let listener = bound.map_err(wrong)?;
    let port = listener.local_addr().map_err(wrong)?.port();
    tokio::spawn(accept(listener, ledger, delay));
    Ok(format!("http://127.0.0.1:{port}/hook"))
}

async fn accept(listener: TcpListener, ledger: Arc<Ledger>, delay: Duration) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is free, for example.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let ledger = ledger.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| answer(request, &ledger, delay));
            // A server that is killed breaks its connections; that is not an error of the receiver.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    ledger: &Ledger,
    delay: Duration,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect().await;
    let Ok(body) = body else { return Ok(with_status(StatusCode::BAD_REQUEST)) };
    ledger.arrived(&body.to_bytes());
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(with_status(StatusCode::NO_CONTENT))
}

fn with_status(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}
