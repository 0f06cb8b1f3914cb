//! The conformance suite over PostgreSQL: with prepared statements, and without them as behind a pooler.

use std::sync::Arc;

use hookwire::event::NewEvent;
use hookwire::store::{Dedup, PostgresStore, Store};
use hookwire::testing::conformance::{self, Case, Subject};
use libtest_mimic::Trial;

use crate::Needs;
use crate::postgres::connect;
use crate::schema::Schema;

pub fn trials(postgres: &Needs) -> Vec<Trial> {
    let mut trials = Vec::new();
    for case in conformance::store::<dyn Store>().into_iter().chain(conformance::staging()) {
        let name = case.name();
        trials.push(postgres.test(format!("conformance::prepared::{name}"), move |url| stored(url, case, false)));
        trials.push(postgres.test(format!("conformance::plain::{name}"), move |url| stored(url, case, true)));
    }
    for case in conformance::placements::<PostgresStore>() {
        let name = case.name();
        trials.push(postgres.test(format!("conformance::placements::{name}"), move |url| placed(url, case)));
    }
    for case in conformance::dedup::<dyn Dedup>() {
        let name = case.name();
        trials.push(postgres.test(format!("conformance::dedup::{name}"), move |url| deduplicated(url, case)));
    }
    trials
}

/// Two stores on one schema, as two processes would have.
async fn stored(url: String, case: Case<dyn Store>, plain: bool) {
    let schema = Schema::fresh(&url);
    let open = || async {
        let options = if plain { schema.options().behind_a_pooler() } else { schema.options() };
        options.open().await.unwrap()
    };
    let (first, second) = (open().await, open().await);
    let (url, staging) = (url.clone(), first.clone());
    let stage = move |event| stage(url.clone(), staging.clone(), event);
    case.run(&Subject::<dyn Store>::new(Arc::new(first), Arc::new(second)).staging(stage)).await;
}

/// Writes an event in a transaction of the application.
async fn stage(url: String, store: PostgresStore, event: NewEvent) {
    let mut client = connect(&url).await;
    let transaction = client.transaction().await.unwrap();
    store.dispatch_in(&transaction, &event).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn placed(url: String, case: Case<PostgresStore>) {
    let schema = Schema::fresh(&url);
    case.run(&Subject::new(Arc::new(schema.open().await), Arc::new(schema.open().await))).await;
}

async fn deduplicated(url: String, case: Case<dyn Dedup>) {
    let schema = Schema::fresh(&url);
    case.run(&Subject::<dyn Dedup>::new(Arc::new(schema.open().await), Arc::new(schema.open().await))).await;
}
