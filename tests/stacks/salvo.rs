//! Salvo.

use ::salvo::conn::tcp::TcpAcceptor;
use ::salvo::http::ReqBody;
use ::salvo::{Request, Response, Router, Server, handler};
use hookwire::receiver::Gate;

use super::stack::{check_server, gate, handle, listener, serve};

// shown
struct Hook(Gate);
#[handler]
impl Hook {
    async fn handle(&self, request: &mut Request, response: &mut Response) {
        let Ok(request) = request.strip_to_hyper::<ReqBody>() else { return };
        response.merge_hyper(self.0.receive(request, handle).await);
    }
}
fn app(gate: Gate) -> Router {
    Router::with_path("hooks").post(Hook(gate))
}
// end

#[test]
fn salvo_handles_an_event_once() {
    let (listener, address) = listener();
    serve(move || async {
        let acceptor = TcpAcceptor::try_from(tokio::net::TcpListener::from_std(listener).unwrap()).unwrap();
        Server::new(acceptor).serve(app(gate())).await;
    });
    check_server("salvo", address);
}
