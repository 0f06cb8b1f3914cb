//! Connections, statements and transactions.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures_util::future::join;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{CancelToken, Row, Transaction};
use uuid::Uuid;

use super::connect::{Canceller, ConnectionCutoff};
use super::error::StoreFailure;
use super::numbers::Numbers;
use super::rows::get;
use crate::clock::{Clock, SystemClock};
use crate::entropy;
use crate::store::{StoreError, StoreErrorKind};

/// How often a call is retried after a conflict, and the longest first pause.
const RETRIES: Retries = Retries::new(4, Duration::from_millis(10));

/// The factor on the time limit of calls that read or change many rows.
pub(super) const LONG_CALL: u32 = 6;

/// A value and its type on the server.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// The schema of hookwire's tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema(Option<Arc<str>>);

impl Schema {
    /// The schema name in the text of statements.
    pub(super) const DEFAULT: &'static str = "hookwire";

    /// Returns `None` if the name is invalid.
    pub(super) fn new(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = (1..=48).contains(&name.len())
            && name.bytes().all(plain)
            && !name.starts_with(|first: char| first.is_ascii_digit());
        good.then(|| Self((name != Self::DEFAULT).then(|| name.into())))
    }

    pub(super) fn name(&self) -> &str {
        self.0.as_deref().unwrap_or(Self::DEFAULT)
    }

    /// Replaces the schema name in a statement.
    pub(super) fn apply<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(name) => sql.replace("hookwire.", &format!("\"{name}\".")).into(),
            None => sql.into(),
        }
    }
}

/// Makes the commit of a transaction wait for the replication of everything that it has read. The commit of a read-only transaction does
/// not wait, and the rows that it has read may exist on this server only: the wait of the commit that wrote them may have been cancelled,
/// or its server may have crashed. A commit waits only if it has a log record and a transaction number; this message, which has no
/// receiver, provides both.
const REPLICATION_WAIT: &str = "SELECT pg_logical_emit_message(true, 'hookwire', '')";

/// The source of connections, and the time limit of calls.
pub(super) struct Source {
    pub(super) pool: Pool,
    pub(super) cutoff: ConnectionCutoff,
    pub(super) canceller: Canceller,
    /// The time limit of a call.
    pub(super) limit: Duration,
}

impl Source {
    /// Discards all present connections and cancels the running statement of `at`.
    fn discard_connections(self: &Arc<Self>, at: Option<CancelToken>) {
        self.cutoff.discard_present();
        let source = self.clone();
        tokio::spawn(async move {
            if let Some(token) = at {
                source.canceller.cancel(token).await;
            }
            source.pool.retain(|_, metrics| source.cutoff.is_newer(&metrics));
        });
    }
}

/// The pool, the schema, and the state that calls share.
#[derive(Clone)]
pub(super) struct Db {
    source: Arc<Source>,
    /// The identity of the store that was opened.
    identity: Uuid,
    pub(super) schema: Schema,
    pub(super) numbers: Arc<Numbers>,
    /// Number of upcoming groups that skip the optimistic single-statement insert.
    pub(super) skip_optimistic: Arc<AtomicU32>,
    /// Whether each connection prepares its statements once. This is impossible behind a pooler, which gives every transaction another
    /// connection.
    prepares: bool,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("schema", &self.schema.name())
            .field("prepares", &self.prepares)
            .finish_non_exhaustive()
    }
}

/// A connection, or the caller's own transaction.
pub(super) struct Session<'a> {
    via: Via<'a>,
    schema: Schema,
    identity: Uuid,
    /// `None` for the caller's own transaction, whose time limit is up to the caller.
    limit: Option<Limit>,
}

/// The time limit of a session.
struct Limit {
    until: Duration,
    source: Arc<Source>,
}

enum Via<'a> {
    /// A connection from the pool, with prepared statements.
    Prepared(Object),
    /// A connection from the pool, with another pooler before the server.
    Plain(Object),
    /// The caller's own transaction.
    Caller(&'a Transaction<'a>),
}

/// An operation in one transaction. It is retried after a conflict, or if the connection was lost.
pub(super) trait Operation: Send + Sync + 'static {
    /// The result of the operation.
    type Answer: Send + 'static;

    /// The factor on the time limit.
    const TIME_FACTOR: u32 = 1;

    /// Runs the operation.
    fn run(&self, session: &Session<'_>) -> impl Future<Output = Result<Self::Answer, StoreFailure>> + Send;
}

impl Db {
    pub(super) fn new(source: Source, (schema, identity): (Schema, Uuid), prepares: bool) -> Self {
        Self {
            source: Arc::new(source),
            identity,
            schema,
            numbers: Arc::default(),
            skip_optimistic: Arc::default(),
            prepares,
        }
    }

    /// The time limit of a call.
    pub(super) fn limit(&self) -> Duration {
        self.source.limit
    }

    pub(super) async fn session(&self) -> Result<Session<'static>, StoreFailure> {
        self.session_for(1).await
    }

    /// Opens a session whose time limit has this factor and starts now.
    pub(super) async fn session_for(&self, factor: u32) -> Result<Session<'static>, StoreFailure> {
        let until = SystemClock.uptime() + self.source.limit.saturating_mul(factor);
        let client =
            timeout(self.source.limit, self.source.pool.get()).await.map_err(|_| StoreFailure::NoConnection)??;
        let via = if self.prepares { Via::Prepared(client) } else { Via::Plain(client) };
        Ok(Session {
            via,
            schema: self.schema.clone(),
            identity: self.identity,
            limit: Some(Limit { until, source: self.source.clone() }),
        })
    }

    /// Checks that the schema still contains the complete store that was opened: a missing row may be restored later. A dump restores the
    /// identity after the endpoints.
    pub(super) async fn check_identity(&self, session: &Session<'_>) -> Result<(), StoreFailure> {
        let rows = session.query("SELECT identity FROM hookwire.schema", &[]).await?;
        match rows.first().map(|row| get::<Uuid>(row, "identity")).transpose()? {
            Some(found) if found == self.identity => Ok(()),
            Some(_) => Err(StoreFailure::AnotherStore),
            None => Err(StoreFailure::NotRestored),
        }
    }

    /// Runs one statement, which is a transaction of its own.
    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut retries = RETRIES;
        loop {
            match self.query_untried(sql, params).await {
                Err(failure) if (failure.is_conflict() || failure.is_read_only()) && retries.are_left() => {
                    retries.pause().await;
                }
                done => return done.map_err(StoreFailure::in_doubt),
            }
        }
    }

    /// Runs one statement once: the caller handles failures.
    pub(super) async fn query_untried(
        &self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreFailure> {
        self.session().await?.query(sql, params).await
    }

    /// Runs an operation in a transaction, on a task of its own: if the caller's future is dropped, the operation completes nevertheless,
    /// and no connection returns to the pool in the middle of a transaction.
    pub(super) async fn transact<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let db = self.clone();
        let task = tokio::spawn(async move { db.transact_here(&operation).await });
        task.await.unwrap_or_else(|error| Err(StoreError::with_source(StoreErrorKind::Unknown, error)))
    }

    /// Runs an operation in a transaction on the caller's task, which must not be cancelled.
    pub(super) async fn transact_here<O: Operation>(&self, operation: &O) -> Result<O::Answer, StoreError> {
        let mut retries = RETRIES;
        loop {
            match self.transact_once(operation).await {
                Err((failure, stage)) if is_undone(&failure, stage) && retries.are_left() => retries.pause().await,
                done => return done.map_err(to_store_error),
            }
        }
    }

    async fn transact_once<O: Operation>(&self, operation: &O) -> Result<O::Answer, (StoreFailure, Stage)> {
        let session = self.session_for(O::TIME_FACTOR).await.map_err(|failure| (failure, Stage::Before))?;
        // Both are sent before either has a response. After a failed BEGIN the operation fails too.
        let (begun, done) = join(session.command("BEGIN"), operation.run(&session)).await;
        match begun.and(done) {
            Ok(answer) => session.command("COMMIT").await.map(|()| answer).map_err(|error| (error, Stage::Commit)),
            Err(failure) => {
                session.roll_back().await;
                Err((failure, Stage::Before))
            }
        }
    }
}

/// The stage of a transaction in which it failed.
#[derive(Clone, Copy)]
enum Stage {
    Before,
    Commit,
}

fn to_store_error((failure, stage): (StoreFailure, Stage)) -> StoreError {
    match stage {
        Stage::Before => failure.into_store_error(),
        Stage::Commit => failure.in_doubt(),
    }
}

/// Whether nothing of a transaction has happened, and a retry may succeed at once. If the connection was lost before the commit, the server
/// has rolled the transaction back.
fn is_undone(failure: &StoreFailure, stage: Stage) -> bool {
    failure.is_conflict()
        || (matches!(stage, Stage::Before) && (failure.is_connection_lost() || failure.is_read_only()))
}

/// The remaining retries, and the longest pause before the next one.
#[derive(Clone, Copy)]
pub(super) struct Retries {
    left: u32,
    longest: Duration,
}

impl Retries {
    pub(super) const fn new(left: u32, longest: Duration) -> Self {
        Self { left, longest }
    }

    pub(super) const fn are_left(self) -> bool {
        self.left > 0
    }

    /// Waits for a random part of a time that doubles, and uses up a retry.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.longest.mul_f64(entropy::fraction())).await;
        (self.left, self.longest) = (self.left.saturating_sub(1), self.longest * 2);
    }
}

impl<'a> Session<'a> {
    pub(super) fn for_caller(transaction: &'a Transaction<'a>, db: &Db) -> Self {
        Self { via: Via::Caller(transaction), schema: db.schema.clone(), identity: db.identity, limit: None }
    }

    /// Runs a statement whose parameters have these types.
    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreFailure> {
        self.query_text(&self.schema.apply(sql), params).await
    }

    /// Runs a statement whose text is already for this schema.
    pub(super) async fn query_text(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreFailure> {
        let run = async {
            match &self.via {
                Via::Prepared(client) => {
                    let types: Vec<_> = params.iter().map(|(_, kind)| kind.clone()).collect();
                    let statement = client.prepare_typed_cached(sql, &types).await?;
                    let values: Vec<_> = params.iter().map(|(value, _)| *value).collect();
                    client.query(&statement, &values).await
                }
                Via::Plain(client) => client.query_typed(sql, params).await,
                Via::Caller(transaction) => transaction.query_typed(sql, params).await,
            }
        };
        self.in_time(run).await
    }

    /// Runs statements without parameters and results.
    pub(super) async fn command(&self, sql: &str) -> Result<(), StoreFailure> {
        let sql = self.schema.apply(sql);
        let run = async {
            match &self.via {
                Via::Prepared(client) | Via::Plain(client) => client.batch_execute(&sql).await,
                Via::Caller(transaction) => transaction.batch_execute(&sql).await,
            }
        };
        self.in_time(run).await
    }

    /// Call this before the end of a transaction whose result depends on the writes of another one: see [`REPLICATION_WAIT`].
    pub(super) async fn wait_for_replication(&self) -> Result<(), StoreFailure> {
        self.query(REPLICATION_WAIT, &[]).await.map(drop)
    }

    /// Runs one exchange within the remaining time. If the connection does not respond, or if its server accepts no writes, this connection
    /// and all older ones are discarded: they most likely lead to the same server.
    async fn in_time<T>(&self, run: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, StoreFailure> {
        let Some(limit) = &self.limit else { return Ok(run.await?) };
        let left = limit.until.saturating_sub(SystemClock.uptime());
        let failure = match timeout(left, run).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => StoreFailure::from(error),
            Err(_) => StoreFailure::TooLong,
        };
        if let StoreFailure::TooLong = &failure {
            tracing::warn!("PostgreSQL: the server did not respond in time; the connection is discarded");
            limit.source.discard_connections(self.cancel_token());
        } else if failure.is_read_only() {
            limit.source.discard_connections(None);
        }
        Err(failure)
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        match &self.via {
            Via::Prepared(client) | Via::Plain(client) => Some(client.cancel_token()),
            Via::Caller(_) => None,
        }
    }

    pub(super) const fn is_callers_transaction(&self) -> bool {
        matches!(self.via, Via::Caller(_))
    }

    /// The prefix of the names of hookwire's locks. Every login can take any advisory lock; only logins that can read hookwire's tables
    /// know this prefix.
    pub(super) fn lock_name(&self) -> String {
        format!("{} {}", self.schema.name(), self.identity)
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    async fn roll_back(self) {
        if self.command("ROLLBACK").await.is_err()
            && let Via::Prepared(client) | Via::Plain(client) = self.via
        {
            // The state of the connection is unknown, so it does not return to the pool.
            drop(Object::take(client));
        }
    }
}
