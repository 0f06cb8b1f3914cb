//! Rocket.

use std::io::Cursor;

use ::rocket::data::{Capped, ToByteUnit as _};
use ::rocket::http::{Method, Status};
use ::rocket::route::{BoxFuture, Outcome, Route};
use ::rocket::{Build, Config, Data, Request, Response, Rocket};
use hookwire::receiver::Gate;
use http::HeaderValue;

use super::stack::{check_server, gate, handle, listener, serve};

// shown
fn hook<'r>(req: &'r Request<'_>, data: Data<'r>) -> BoxFuture<'r> {
    Box::pin(async move {
        let Some(gate) = req.rocket().state::<Gate>() else { return Outcome::Error(Status::InternalServerError) };
        let body = data.open((gate.max_body() + 1).bytes()).into_bytes().await.map_or(vec![], Capped::into_inner);
        let headers = req.headers().iter().map(|header| (header.name.to_string(), header.value.to_string()));
        let answer = gate.receive_bytes((req.method().as_str(), req.uri().to_string(), headers), body, handle).await;
        let (status, mut response) = (Status::new(answer.status().as_u16()), Response::build());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        answer.headers().iter().fold(response.status(status), |all, (n, v)| all.raw_header(n.to_string(), text(v)));
        Outcome::Success(response.sized_body(answer.body().len(), Cursor::new(answer.into_body())).finalize())
    })
}
// end

fn app(config: Config, gate: Gate) -> Rocket<Build> {
    ::rocket::custom(config).manage(gate).mount("/", [Route::new(Method::Post, "/hooks", hook)])
}

#[test]
fn rocket_handles_an_event_once() {
    // Rocket binds the port itself.
    let (listener, address) = listener();
    drop(listener);
    let config =
        Config { port: address.port(), log_level: ::rocket::config::LogLevel::Off, ..Config::release_default() };
    serve(move || async { app(config, gate()).launch().await.unwrap() });
    check_server("rocket", address);
}
