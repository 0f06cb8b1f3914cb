//! sqlx 0.8.

use sqlx_08 as sqlx;

use sqlx::{Connection as _, PgConnection};

use super::database::Database;

// shown
async fn pay(db: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE invoice SET paid = true WHERE number = $1").bind(number).execute(&mut *db).await?;
    let dispatch = sqlx::query("SELECT hookwire.dispatch('invoice.paid', $1, 'acme', id => $2)");
    let dispatch = dispatch.bind(format!(r#"{{"invoice": {number}}}"#)).bind(format!("invoice-{number}-paid"));
    dispatch.execute(db).await.map(drop)
}
// end

#[tokio::test]
async fn sqlx_0_8_dispatches_in_its_transaction() {
    let Some(database) = Database::new("sqlx").await else { return };
    let mut connection = PgConnection::connect(database.url).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    pay(&mut transaction, 1042).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    pay(&mut transaction, 1043).await.unwrap();
    transaction.rollback().await.unwrap();
    database.check().await;
}
