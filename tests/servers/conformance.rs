//! The conformance suite over PostgreSQL: with prepared statements, and as behind a pooler.

use std::sync::Arc;

use hookwire::testing::conformance::{Case, DedupSubject, Subject, cases, dedup_cases};
use libtest_mimic::Trial;

use crate::Needs;
use crate::schema::Schema;

pub fn trials(postgres: &Needs) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, case) in cases() {
        trials.push(postgres.test(format!("conformance::prepared::{name}"), move |url| stored(url, case, false)));
        trials.push(postgres.test(format!("conformance::plain::{name}"), move |url| stored(url, case, true)));
    }
    for (name, case) in dedup_cases() {
        trials.push(postgres.test(format!("conformance::dedup::{name}"), move |url| deduplicated(url, case)));
    }
    trials
}

/// Two stores on one schema, as two processes would have.
async fn stored(url: String, case: Case<Subject>, plain: bool) {
    let schema = Schema::fresh(&url);
    let open = || async {
        let options = if plain { schema.options().behind_a_pooler() } else { schema.options() };
        options.open().await.unwrap()
    };
    case(&Subject::new(Arc::new(open().await), Arc::new(open().await))).await;
}

async fn deduplicated(url: String, case: Case<DedupSubject>) {
    let schema = Schema::fresh(&url);
    case(&DedupSubject::new(Arc::new(schema.open().await), Arc::new(schema.open().await))).await;
}
