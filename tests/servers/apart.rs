//! A sender and an inbox in one PostgreSQL: no call of one reaches the other.

#[path = "../it/mcp/agent.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod agent;
#[path = "../it/manage/api.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod api;
#[path = "../it/apart/walk.rs"]
mod walk;

use libtest_mimic::Trial;

use crate::Needs;
use crate::schema::Schema;

pub fn trials(postgres: &Needs) -> Vec<Trial> {
    vec![
        postgres.test("apart::no_call_of_a_sender_reaches_an_inbox_nor_the_other_way_round", walk_all),
        postgres.test(
            "apart::rows_of_an_earlier_version_belong_to_either_the_sender_or_the_inbox",
            left_by_an_earlier_version,
        ),
    ]
}

async fn walk_all(url: String) {
    let schema = Schema::fresh(&url);
    walk::all(schema.open().await).await;
}

/// `tests/fixtures/busy-2.sql` was dumped from a schema that the code of version 2 had filled in the same way as `busy-3.db`.
async fn left_by_an_earlier_version(url: String) {
    let schema = Schema::fresh(&url);
    schema.restore(include_str!("../fixtures/busy-2.sql")).await;
    walk::classified(schema.open().await).await;
}
