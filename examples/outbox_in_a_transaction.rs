//! Writes an event and a business change in one transaction of the application's own database, so that one exists if and only if the other
//! does. The first invoice is rolled back, and no webhook is sent for it.
//!
//! `cargo run --example outbox_in_a_transaction --features sqlite`
//!
//! Any other client can write the event too: `sqlite3 shop.db "INSERT INTO hookwire_outbox (type, data)
//! VALUES ('invoice.paid', '{}')"`.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::SqliteStore;
use hookwire::store::rusqlite;
use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};

/// The application's own code: marks an invoice as paid, and writes the event in the same transaction.
fn pay(
    shop: &mut rusqlite::Connection,
    store: &SqliteStore,
    invoice: u32,
    covered: bool,
) -> Result<(), Box<dyn Error>> {
    let transaction = shop.transaction()?;
    transaction.execute("INSERT INTO invoice (number, paid) VALUES (?1, 1)", [invoice])?;
    store.dispatch_in(&transaction, &NewEvent::json("invoice.paid", &invoice)?)?;
    if covered {
        transaction.commit()?;
    } else {
        transaction.rollback()?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("shop.db");
    let mut shop = rusqlite::Connection::open(&path)?;
    shop.execute_batch("CREATE TABLE invoice (number INTEGER PRIMARY KEY, paid INTEGER)")?;

    let store = SqliteStore::open_in_application_database(&path).await?;
    let customer = ScriptedEndpoint::start([Behaviour::status(204)]).await?;
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let sender = Sender::builder(store.clone()).egress(egress).build()?;
    sender.endpoints().create(NewEndpoint::at(Target::parse(&customer.url("/hooks"))?)).await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(sender.worker().run_until(stopped));

    pay(&mut shop, &store, 1041, false)?;
    pay(&mut shop, &store, 1042, true)?;
    sender.wake();

    // Waits for at most ten seconds.
    for _ in 0..1_000 {
        if !customer.requests().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(stop);
    worker.await??;
    let requests = customer.requests();
    for request in &requests {
        let text = String::from_utf8_lossy(request);
        println!("the customer received: {}", text.lines().last().unwrap_or_default());
    }
    let paid: u32 = shop.query_row("SELECT count(*) FROM invoice", [], |row| row.get(0))?;
    println!("{paid} invoice in the database, {} webhook sent", requests.len());
    if requests.len() == 1 && paid == 1 { Ok(()) } else { Err("expected one invoice and one webhook".into()) }
}
