//! An MCP server for support tickets: it has tools of its own, and the tools by which an agent registers a callback for ticket events.
//!
//! Over stdio, as an MCP client starts it: `cargo run --example mcp_server --features mcp`. Over HTTP:
//! `cargo run --example mcp_server --features mcp http 8788` serves `http://127.0.0.1:8788/mcp` for `Authorization: Bearer acme-token`.
//! Secrets of callbacks are shown once, at the link that a result names.
#![expect(clippy::print_stderr, reason = "stdout belongs to the protocol")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{StatusCode, header::AUTHORIZATION};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use hookwire::clock::SystemClock;
use hookwire::event::NewEvent;
use hookwire::mcp::{OneTimeLinks, WebhookTools};
use hookwire::sender::Scope;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::MemoryStore;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::transport::streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager};
use rmcp::{ErrorData, ServerHandler, ServiceExt, tool, tool_handler, tool_router};
use serde::Deserialize;

#[derive(Clone)]
struct Tickets {
    sender: Sender,
    last: Arc<AtomicU64>,
    router: ToolRouter<Self>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Open {
    /// The problem, in one line.
    subject: String,
}

#[tool_router]
impl Tickets {
    fn new(sender: Sender, webhooks: &WebhookTools) -> Self {
        let last = Arc::new(AtomicU64::new(0));
        Self { sender, last, router: Self::tool_router() + webhooks.router() }
    }

    /// Open a support ticket.
    #[tool(name = "ticket_open")]
    async fn open(&self, Parameters(Open { subject }): Parameters<Open>) -> Result<String, ErrorData> {
        let ticket = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let internal = |error: &dyn Error| ErrorData::internal_error(error.to_string(), None);
        let event = NewEvent::json("ticket.opened", &serde_json::json!({ "ticket": ticket, "subject": subject }));
        let event = event.map_err(|error| internal(&error))?.tenant("acme");
        self.sender.dispatch(event).await.map_err(|error| internal(&error))?;
        Ok(format!("ticket {ticket} is open"))
    }
}

#[tool_handler(router = self.router, name = "tickets", instructions = "Open tickets; register a callback to hear of them.")]
impl ServerHandler for Tickets {}

/// The application's authentication.
async fn authenticate(mut request: Request, next: Next) -> Response {
    if request.headers().get(AUTHORIZATION).is_some_and(|token| token == "Bearer acme-token") {
        request.extensions_mut().insert(Scope::tenant("acme"));
    }
    next.run(request).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = arguments.get(1).map_or(Ok(0), |text| text.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let here = format!("http://{}", listener.local_addr()?);
    // Callbacks run on this machine and without TLS. Allow neither in production.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(MemoryStore::new()).egress(egress).build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    let links = OneTimeLinks::new(&format!("{here}/secrets/"), Duration::from_secs(900), Arc::new(SystemClock));
    let opened = links.clone();
    let show = async move |Path(token): Path<String>| {
        opened.open(&token).map(|it| it.to_string()).ok_or(StatusCode::NOT_FOUND)
    };
    let mut app = Router::new().route("/secrets/{token}", get(show));
    let webhooks = WebhookTools::new(sender.clone(), links).for_scope(Scope::tenant("acme"));
    let tickets = Tickets::new(sender, &webhooks);
    eprintln!("listening on {here}");
    if arguments.first().is_some_and(|mode| mode == "http") {
        let service = StreamableHttpService::new(
            move || Ok(tickets.clone()),
            LocalSessionManager::default().into(),
            Default::default(),
        );
        app = app.nest_service("/mcp", tower::Layer::layer(&middleware::from_fn(authenticate), service));
        axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    } else {
        let secrets = tokio::spawn(async move { axum::serve(listener, app).await });
        let served = tickets.serve(rmcp::transport::stdio()).await;
        if let Ok(serving) = served {
            serving.waiting().await?;
        }
        secrets.abort();
    }
    drop(stop);
    worker.await??;
    Ok(())
}
