//! Bare hyper.

use std::convert::Infallible;
use std::io;

use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use hookwire::receiver::Gate;
use http_body_util::Full;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::stack::{check_server, gate, handle, listener, serve};

// shown
async fn listen(listener: TcpListener, gate: Gate) -> io::Result<Infallible> {
    loop {
        let (stream, gate) = (TokioIo::new(listener.accept().await?.0), gate.clone());
        let service = service_fn(move |request| {
            let gate = gate.clone();
            async move { Ok::<_, Infallible>(gate.receive(request, handle).await.map(Full::new)) }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service);
        tokio::spawn(connection);
    }
}
// end

#[test]
fn hyper_handles_an_event_once() {
    let (listener, address) = listener();
    serve(move || async { listen(TcpListener::from_std(listener).unwrap(), gate()).await.map(|never| match never {}) });
    check_server("hyper", address);
}
