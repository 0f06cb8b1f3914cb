//! poem.

use ::poem::listener::TcpAcceptor;
use ::poem::web::Data;
use ::poem::{Body, EndpointExt as _, IntoEndpoint, Request, Response, Result, Route, Server, handler, post};
use hookwire::receiver::Gate;

use super::stack::{check_server, gate, handle, listener, serve};

// shown
#[handler]
async fn hook(gate: Data<&Gate>, request: &Request, body: Body) -> Result<Response> {
    let body = body.into_bytes_limit(gate.max_body()).await?;
    let head = (request.method(), request.original_uri(), request.headers());
    let (parts, body) = gate.receive_bytes(head, body, handle).await.into_parts();
    let mut response = Response::builder().status(parts.status).body(body);
    *response.headers_mut() = parts.headers;
    Ok(response)
}
fn app(gate: Gate) -> impl IntoEndpoint {
    Route::new().at("/hooks", post(hook)).data(gate)
}
// end

#[test]
fn poem_handles_an_event_once() {
    let (listener, address) = listener();
    serve(move || async {
        let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
        server.run(app(gate())).await.unwrap();
    });
    check_server("poem", address);
}
