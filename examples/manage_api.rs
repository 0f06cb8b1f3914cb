//! An application that mounts the management API under `/webhooks`, behind its own authentication.
//!
//! `cargo run --example manage_api --features manage [port]` serves on 127.0.0.1:8787 until it is interrupted. Run these lines in another
//! terminal:
//!
//! ```sh
//! acme='Authorization: Bearer acme-token'; json='Content-Type: application/json'; api=http://127.0.0.1:8787/webhooks
//! curl -sSw '\n' -H "$acme" -H "$json" $api/endpoints -d '{"url": "http://127.0.0.1:8787/inbox", "events": ["invoice.*"]}'
//! endpoint=$(curl -sS -H "$acme" $api/endpoints | grep -o 'ep_[0-9a-f]*' | tail -n 1)
//! curl -sSw '\n' -H "$acme" -H "$json" -H 'Idempotency-Key: invoice-1042' $api/events -d '{"type": "invoice.paid", "data": {"invoice": 1042}}'
//! sleep 1
//! curl -sSw '\n' -H "$acme" "$api/deliveries?state=delivered"
//! curl -sSw '\n' -H "$acme" $api/endpoints/$endpoint/stats
//! curl -sSw '\n' -H "$acme" -H "$json" -H 'If-Match: "1"' -X PATCH $api/endpoints/$endpoint -d '{"limits": {"concurrency": 2}}'
//! curl -sSw '\n' -H "$acme" -X POST $api/endpoints/$endpoint/test
//! curl -sSw '\n' -H "$acme" -X POST $api/endpoints/$endpoint/rotate
//! curl -sSw '\n' -H "$acme" -H "$json" $api/endpoints/$endpoint/replay -d '{"what": "all"}'
//! curl -sSw '\n' -H 'Authorization: Bearer other-token' $api/endpoints/$endpoint
//! curl -sSw '\n' -H "$acme" $api/openapi.json
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;

use axum::Router;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::post;
use hookwire::manage::Manage;
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;

/// The tokens of the application's users.
const TOKENS: [(&str, &str); 2] = [("Bearer acme-token", "acme"), ("Bearer other-token", "other")];

async fn authenticate(mut request: Request, next: Next) -> Response {
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if token == Some("Bearer operator-token") {
        request.extensions_mut().insert(Scope::operator());
    } else if let Some((_, tenant)) = TOKENS.iter().find(|(known, _)| token == Some(*known)) {
        request.extensions_mut().insert(Scope::tenant(*tenant));
    }
    next.run(request).await
}

/// The server of a customer.
async fn inbox(headers: HeaderMap, body: String) -> StatusCode {
    println!("the inbox got {:?}: {body}", headers.get("webhook-id"));
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(8787), |text| text.parse())?;
    // The customer's server runs on this machine and without TLS. Allow neither in production.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    let webhooks = Manage::new(sender).router().layer(middleware::from_fn(authenticate));
    let app = Router::new().nest("/webhooks", webhooks).route("/inbox", post(inbox));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}/webhooks", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await?;
    drop(stop);
    worker.await??;
    Ok(())
}
