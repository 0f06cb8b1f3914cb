//! A PostgreSQL server for tests, and a separate schema for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hookwire::clock::Timestamp;
use hookwire::delivery::NewDelivery;
use hookwire::event::NewEvent;
use hookwire::id::{EndpointId, EventId};
use hookwire::store::PostgresOptions;
use hookwire::store::{Append, PostgresStore};

use crate::postgres::{Server, answers, block_on, connect};

/// The address of a server: `HOOKWIRE_TEST_POSTGRES`, else a server on the standard port, else a new server from the installed
/// binaries.
pub fn find() -> Option<String> {
    let given = std::env::var("HOOKWIRE_TEST_POSTGRES").ok();
    given.or_else(standard).or_else(|| Server::start_shared().map(|server| server.url()))
}

/// A server on the standard port that accepts our login.
fn standard() -> Option<String> {
    let user = std::env::var("USER").unwrap_or_else(|_| "postgres".into());
    ["postgres".to_owned(), user]
        .into_iter()
        .map(|user| format!("postgres://{user}@127.0.0.1:5432/postgres"))
        .find(|url| answers(url))
}

/// Drops the schema when this value is dropped.
#[derive(Debug)]
pub struct Dropped(pub Schema);

impl std::ops::Deref for Dropped {
    type Target = Schema;

    fn deref(&self) -> &Schema {
        &self.0
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.drop_all();
    }
}

/// A separate schema on a server.
#[derive(Clone, Debug)]
pub struct Schema {
    pub url: String,
    pub name: String,
}

impl Schema {
    pub fn fresh(url: &str) -> Dropped {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Dropped(Self { url: url.to_owned(), name: format!("hookwire_test_{}_{number}", std::process::id()) })
    }

    pub fn options(&self) -> PostgresOptions {
        PostgresOptions::new(&self.url).unwrap().schema(&self.name).unwrap()
    }

    /// In a child: the schema of the parent.
    pub fn named(text: &str) -> Self {
        let (url, name) = text.split_once(' ').unwrap();
        Self { url: url.to_owned(), name: name.to_owned() }
    }

    pub async fn open(&self) -> PostgresStore {
        self.options().open().await.unwrap()
    }
}

impl Schema {
    /// Fills the schema with the data of an earlier version, dumped by `pg_dump --column-inserts`.
    pub async fn restore(&self, dump: &str) {
        // The functions in the dump call each other, in any order.
        let dump = format!("SET check_function_bodies = false; {}", dump.replace("{schema}", &self.name));
        connect(&self.url).await.batch_execute(&dump).await.unwrap();
    }

    /// Drops the schema. This is not done in `Drop`, because a child uses the schema of its parent.
    pub fn drop_all(&self) {
        let (url, sql) = (self.url.clone(), format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name));
        // A stopped server has nothing to drop.
        let drop_it =
            move || answers(&url).then(|| block_on(async { connect(&url).await.batch_execute(&sql).await.unwrap() }));
        let _left_behind = std::thread::spawn(drop_it).join();
    }
}

/// An event with one delivery.
pub fn append_at(lane: EndpointId, id: &str, now: Timestamp) -> Append {
    let event = NewEvent::json("a.b", &1).unwrap().tenant("acme").id(EventId::new(id).unwrap());
    let delivery = NewDelivery::new(lane, now);
    Append { event: Arc::new(event.seal(now)), deliveries: vec![delivery], now }
}
