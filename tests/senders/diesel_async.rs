//! diesel-async.

use ::diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use diesel::result::Error;
use diesel::sql_query;
use diesel::sql_types::{Integer, Text};

use super::database::Database;

// shown
async fn pay(db: &mut AsyncPgConnection, number: i32) -> Result<(), Error> {
    let update = sql_query("UPDATE invoice SET paid = true WHERE number = $1");
    update.bind::<Integer, _>(number).execute(db).await?;
    let dispatch = sql_query("SELECT hookwire.dispatch('invoice.paid', $1, 'acme', id => $2)");
    let dispatch = dispatch.bind::<Text, _>(format!(r#"{{"invoice": {number}}}"#));
    dispatch.bind::<Text, _>(format!("invoice-{number}-paid")).execute(db).await.map(drop)
}
// end

#[tokio::test]
async fn diesel_async_dispatches_in_its_transaction() {
    let Some(database) = Database::new("diesel_async").await else { return };
    let mut connection = AsyncPgConnection::establish(database.url).await.unwrap();
    connection.transaction(async |db| pay(db, 1042).await).await.unwrap();
    let undone = connection.transaction::<(), _, _>(async |db| {
        pay(db, 1043).await?;
        Err(Error::RollbackTransaction)
    });
    assert!(undone.await.is_err());
    database.check().await;
}
