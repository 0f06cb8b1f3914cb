//! A schema of a PostgreSQL server, with a table of the application and a store.

use std::sync::OnceLock;
use std::time::Duration;

use hookwire::endpoint::NewEndpoint;
use hookwire::id::{EventId, Tenant};
use hookwire::sender::Sender;
use hookwire::store::PostgresOptions;
use hookwire::store::PostgresStore;

use super::postgres::{Server, connect};

/// The server of this process; `None` if PostgreSQL is not installed.
fn server() -> Option<&'static str> {
    static URL: OnceLock<Option<String>> = OnceLock::new();
    URL.get_or_init(|| Server::start_shared().map(|server| server.url())).as_deref()
}

pub(super) struct Database {
    pub(super) url: &'static str,
    store: PostgresStore,
}

impl Database {
    /// A database of its own for each library. Returns `None` if there is no server, and fails if there must be one.
    #[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
    pub(super) async fn new(name: &str) -> Option<Self> {
        let Some(url) = server() else {
            assert!(std::env::var_os("HOOKWIRE_TEST_REQUIRE").is_none(), "PostgreSQL is required here");
            eprintln!("NOT RUN: PostgreSQL is not installed");
            return None;
        };
        connect(url).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let url: &'static str = format!("{}/{name}", url.rsplit_once('/').unwrap().0).leak();
        let table = "CREATE TABLE invoice (number int PRIMARY KEY, paid bool NOT NULL DEFAULT false);
            INSERT INTO invoice (number) VALUES (1042), (1043)";
        connect(url).await.batch_execute(table).await.unwrap();
        let store = PostgresOptions::new(url).unwrap().open().await.unwrap();
        Some(Self { url, store })
    }

    /// Checks that exactly the event of the transaction that was committed is dispatched, with its change.
    pub(super) async fn check(self) {
        let sender = Sender::builder(self.store.clone()).clock(self.store.clock()).build().unwrap();
        // Nothing is sent: the worker only imports the events, and the endpoint wants none of them.
        let endpoint = NewEndpoint::https("https://acme.example/hooks").unwrap().tenant("acme").events(["other.*"]);
        sender.endpoints().create(endpoint.unwrap()).await.unwrap();
        sender.worker().drain(Duration::from_secs(20), None).await.unwrap();
        let tenant = Tenant::from("acme");
        let event = |id| {
            let (sender, tenant) = (&sender, &tenant);
            async move { sender.history().event(tenant, &EventId::new(id).unwrap()).await.unwrap() }
        };
        let committed = event("invoice-1042-paid").await.unwrap();
        assert_eq!(committed.event_type.as_str(), "invoice.paid");
        assert!(
            String::from_utf8_lossy(&committed.payload).contains(r#"{"invoice": 1042}"#),
            "{:?}",
            committed.payload
        );
        assert!(event("invoice-1043-paid").await.is_none(), "the transaction was rolled back");
        let paid = connect(self.url).await.query("SELECT number FROM invoice WHERE paid", &[]).await.unwrap();
        assert_eq!(paid.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [1042]);
    }
}
