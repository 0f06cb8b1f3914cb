//! ntex.

use ::ntex::util::Bytes;
use ::ntex::web::types::{PayloadConfig, State};
use ::ntex::web::{App, HttpRequest, HttpResponse, HttpServer, ServiceConfig, post};
use hookwire::receiver::Gate;

use super::stack::{check_server, gate, handle, listener};

// shown
async fn hook(gate: State<Gate>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let head = (request.method(), request.uri(), headers);
    let answer = gate.receive_bytes(head, body.to_vec(), handle).await;
    let mut response = HttpResponse::build(answer.status());
    answer.headers().iter().fold(&mut response, |all, (name, value)| all.header(name, value.as_bytes()));
    response.body(answer.into_body().to_vec())
}
fn routes(app: &mut ServiceConfig, gate: Gate) {
    app.state(PayloadConfig::new(gate.max_body())).state(gate).route("/hooks", post().to(hook));
}
// end

#[test]
fn ntex_handles_an_event_once() {
    let (listener, address) = listener();
    std::thread::spawn(move || {
        let gate = gate();
        ::ntex::rt::System::new("stacks", ::ntex::rt::DefaultRuntime).block_on(async {
            let server = HttpServer::new(async move || {
                let gate = gate.clone();
                App::new().configure(move |app| routes(app, gate.clone()))
            });
            server.workers(1).disable_signals().listen(listener).unwrap().run().await.unwrap();
        });
    });
    check_server("ntex", address);
}
