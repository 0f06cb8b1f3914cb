//! sea-orm 2.

use ::sea_orm::{ConnectionTrait, Database as SeaDatabase, DbBackend, DbErr, Statement, TransactionTrait as _};

use super::database::Database;

// shown
async fn pay(db: &impl ConnectionTrait, number: i32) -> Result<(), DbErr> {
    let update = "UPDATE invoice SET paid = true WHERE number = $1";
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, update, [number.into()])).await?;
    let dispatch = "SELECT hookwire.dispatch('invoice.paid', $1, 'acme', id => $2)";
    let values = [format!(r#"{{"invoice": {number}}}"#).into(), format!("invoice-{number}-paid").into()];
    db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, dispatch, values)).await.map(drop)
}
// end

#[tokio::test]
async fn sea_orm_dispatches_in_its_transaction() {
    let Some(database) = Database::new("sea_orm").await else { return };
    let connection = SeaDatabase::connect(database.url).await.unwrap();
    let transaction = connection.begin().await.unwrap();
    pay(&transaction, 1042).await.unwrap();
    transaction.commit().await.unwrap();
    let transaction = connection.begin().await.unwrap();
    pay(&transaction, 1043).await.unwrap();
    transaction.rollback().await.unwrap();
    database.check().await;
}
