//! A connection with its statements. The cache of rusqlite hashes and copies the text of a statement with every use; here a statement is
//! found by the address of its text.

use std::cell::RefCell;
use std::ops::Deref;

use rusqlite::{CachedStatement, Connection, Params, Row, Statement};

/// The number of statements that a session holds. All others are in the cache of rusqlite.
const HELD: usize = 64;

/// A connection, and the prepared statements that were used on it. When it is dropped, they go to the cache of the connection.
pub(super) struct Session<'c> {
    connection: &'c Connection,
    held: RefCell<Vec<Slot<'c>>>,
}

struct Slot<'c> {
    /// Equal texts may have different addresses. They are then different statements.
    sql: *const str,
    /// `None` while it is in use.
    statement: Option<CachedStatement<'c>>,
}

impl<'c> Session<'c> {
    pub(super) const fn new(connection: &'c Connection) -> Self {
        Self { connection, held: RefCell::new(Vec::new()) }
    }

    /// Executes a statement of which only the parameters change. Returns the number of changed rows.
    pub(super) fn execute(&self, sql: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.with(sql, |statement| statement.execute(params))
    }

    /// Reads the first row of the result of a statement of which only the parameters change.
    pub(super) fn query_row<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.with(sql, |statement| statement.query_row(params, read))
    }

    /// Uses a statement of which only the parameters change.
    pub(super) fn with<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut Statement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut statement = match self.take(sql) {
            Some(statement) => statement,
            None => self.connection.prepare_cached(sql)?,
        };
        let done = run(&mut statement);
        // A payload must not stay in memory until the next use.
        statement.clear_bindings();
        self.put_back(sql, statement);
        done
    }

    fn take(&self, sql: &'static str) -> Option<CachedStatement<'c>> {
        let mut held = self.held.borrow_mut();
        held.iter_mut().find(|slot| std::ptr::eq(slot.sql, sql))?.statement.take()
    }

    fn put_back(&self, sql: &'static str, statement: CachedStatement<'c>) {
        let mut held = self.held.borrow_mut();
        let count = held.len();
        match held.iter_mut().find(|slot| std::ptr::eq(slot.sql, sql)) {
            Some(slot) => slot.statement = Some(statement),
            None if count < HELD => held.push(Slot { sql, statement: Some(statement) }),
            None => {}
        }
    }
}

impl Deref for Session<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "SELECT 1 WHERE ?1 IS NOT NULL OR ?1 IS NULL";

    fn held(session: &Session<'_>) -> Vec<bool> {
        session.held.borrow().iter().map(|slot| slot.statement.is_some()).collect()
    }

    #[test]
    fn a_statement_is_prepared_once_and_forgets_its_parameters() {
        let connection = Connection::open_in_memory().unwrap();
        let session = Session::new(&connection);
        for text in ["a", "b"] {
            let echo = session.query_row("SELECT ?1", [text], |row| row.get::<_, String>(0));
            assert_eq!(echo.unwrap(), text);
        }
        assert_eq!(held(&session), [true]);
        let left = session.with("SELECT ?1", |_| Ok(()));
        assert_eq!((left, held(&session).len()), (Ok(()), 1));
    }

    #[test]
    fn a_statement_that_is_in_use_can_be_used_inside_itself() {
        let connection = Connection::open_in_memory().unwrap();
        let session = Session::new(&connection);
        let inner = session.with(ONE, |outer| {
            assert_eq!(held(&session), [] as [bool; 0]);
            let inner = session.query_row(ONE, [2], |row| row.get::<_, i64>(0))?;
            outer.query_row([3], |row| row.get::<_, i64>(0)).map(|outer| outer + inner)
        });
        assert_eq!((inner, held(&session)), (Ok(2), vec![true]));
    }

    #[test]
    fn a_statement_that_has_failed_is_used_again() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE one (id INTEGER PRIMARY KEY)").unwrap();
        let session = Session::new(&connection);
        let insert = "INSERT INTO one (id) VALUES (?1)";
        assert_eq!(session.execute(insert, [1]), Ok(1));
        assert!(session.execute(insert, [1]).is_err());
        assert_eq!((session.execute(insert, [2]), held(&session)), (Ok(1), vec![true]));
    }
}
