//! actix-web.

use ::actix_web::http::StatusCode;
use ::actix_web::web::{Bytes, Data, PayloadConfig, ServiceConfig, post};
use ::actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use hookwire::receiver::Gate;

use super::stack::{check_server, gate, handle, listener};

// shown
async fn hook(gate: Data<Gate>, req: HttpRequest, body: Bytes) -> Option<HttpResponse> {
    let headers = req.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let answer = gate.receive_bytes((req.method().as_str(), req.uri().to_string(), headers), body, handle).await;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status().as_u16()).ok()?);
    for (name, value) in answer.headers() {
        response.append_header((name.as_str(), value.as_bytes()));
    }
    Some(response.body(answer.into_body()))
}
fn routes(app: &mut ServiceConfig, gate: Gate) {
    app.app_data(PayloadConfig::new(gate.max_body())).app_data(Data::new(gate)).route("/hooks", post().to(hook));
}
// end

#[test]
fn actix_web_handles_an_event_once() {
    let (listener, address) = listener();
    std::thread::spawn(move || {
        let gate = gate();
        ::actix_web::rt::System::new().block_on(async {
            let server = HttpServer::new(move || App::new().configure(|app| routes(app, gate.clone())));
            server.workers(1).disable_signals().listen(listener).unwrap().run().await.unwrap();
        });
    });
    check_server("actix-web", address);
}
