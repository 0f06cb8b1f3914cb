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

use super::connect::{Canceller, Trust};
use super::error::Trouble;
use super::numbers::Numbers;
use super::rows::get;
use crate::clock::{Clock, SystemClock};
use crate::entropy;
use crate::store::{StoreError, StoreErrorKind};

/// How often a call is tried again that met another one, and how long the first wait is at most.
const AGAIN: Tries = Tries::new(4, Duration::from_millis(10));

/// How many times as long as others a call may take that goes through much.
pub(super) const LISTING: u32 = 6;

/// A value and its type on the server.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// The schema that our tables stand in.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema(Option<Arc<str>>);

impl Schema {
    /// The name that statements are written with.
    pub(super) const DEFAULT: &'static str = "hookwire";

    /// `None` for what is no plain name.
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

    /// A statement for this schema.
    pub(super) fn apply<'a>(&self, sql: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(name) => sql.replace("hookwire.", &format!("\"{name}\".")).into(),
            None => sql.into(),
        }
    }
}

/// Makes the commit of a transaction wait for the replication of everything it has seen. A transaction that only reads waits for
/// nothing, and what it reads may stand on this server alone: the wait of the commit that wrote it was cancelled, or its server
/// has crashed. A record in the log, and a transaction number, are what a commit waits for; a message to nobody brings both.
const WITNESS: &str = "SELECT pg_logical_emit_message(true, 'hookwire', '')";

/// Where connections come from, and how long one may take.
pub(super) struct Source {
    pub(super) pool: Pool,
    pub(super) trust: Trust,
    pub(super) canceller: Canceller,
    /// How long a call may take.
    pub(super) limit: Duration,
}

impl Source {
    /// Uses no connection again that there is now, and stops what this one is at.
    fn withdraw(self: &Arc<Self>, at: Option<CancelToken>) {
        self.trust.withdraw();
        let source = self.clone();
        tokio::spawn(async move {
            if let Some(token) = at {
                source.canceller.cancel(token).await;
            }
            source.pool.retain(|_, metrics| source.trust.holds(&metrics));
        });
    }
}

/// How connections are to be had and used.
#[derive(Clone)]
pub(super) struct Db {
    source: Arc<Source>,
    /// Which store was opened.
    identity: Uuid,
    pub(super) schema: Schema,
    pub(super) numbers: Arc<Numbers>,
    /// For how many groups more it is not hoped that all of their ids are free.
    pub(super) wary: Arc<AtomicU32>,
    /// Statements are prepared once a connection. Not so behind a pooler that hands every transaction another one.
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

/// One connection.
pub(super) struct Session<'a> {
    via: Via<'a>,
    schema: Schema,
    identity: Uuid,
    /// `None` for the caller's own transaction: how long that may take is the caller's affair.
    limit: Option<Limit>,
}

/// Until when a session has time.
struct Limit {
    until: Duration,
    source: Arc<Source>,
}

enum Via<'a> {
    /// Out of the pool; statements are prepared once.
    Prepared(Object),
    /// Out of the pool, behind a pooler of its own.
    Plain(Object),
    /// The caller's own transaction.
    Lent(&'a Transaction<'a>),
}

/// Something done in one transaction, and again when that met another one or lost its connection.
pub(super) trait Operation: Send + Sync + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// How many times as long as other calls it may take.
    const PATIENCE: u32 = 1;

    /// Does it.
    fn run(&self, session: &Session<'_>) -> impl Future<Output = Result<Self::Answer, Trouble>> + Send;
}

impl Db {
    pub(super) fn new(source: Source, (schema, identity): (Schema, Uuid), prepares: bool) -> Self {
        Self { source: Arc::new(source), identity, schema, numbers: Arc::default(), wary: Arc::default(), prepares }
    }

    /// How long a call may take.
    pub(super) fn limit(&self) -> Duration {
        self.source.limit
    }

    pub(super) async fn session(&self) -> Result<Session<'static>, Trouble> {
        self.session_for(1).await
    }

    /// A session that has so many times as long as others, from now on.
    pub(super) async fn session_for(&self, patience: u32) -> Result<Session<'static>, Trouble> {
        let until = SystemClock.uptime() + self.source.limit.saturating_mul(patience);
        let client = timeout(self.source.limit, self.source.pool.get()).await.map_err(|_| Trouble::NoConnection)??;
        let via = if self.prepares { Via::Prepared(client) } else { Via::Plain(client) };
        Ok(Session {
            via,
            schema: self.schema.clone(),
            identity: self.identity,
            limit: Some(Limit { until, source: self.source.clone() }),
        })
    }

    /// Whether the store that was opened still stands in the schema, whole: what is not found there may be on its way back. A dump
    /// brings the row that says so after the endpoints.
    pub(super) async fn check_identity(&self, session: &Session<'_>) -> Result<(), Trouble> {
        let rows = session.query("SELECT identity FROM hookwire.schema", &[]).await?;
        match rows.first().map(|row| get::<Uuid>(row, "identity")).transpose()? {
            Some(found) if found == self.identity => Ok(()),
            Some(_) => Err(Trouble::AnotherStore),
            None => Err(Trouble::NotRestored),
        }
    }

    /// One statement, which is a transaction of its own.
    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut tries = AGAIN;
        loop {
            match self.query_untried(sql, params).await {
                Err(trouble) if (trouble.is_conflict() || trouble.is_read_only()) && tries.are_left() => {
                    tries.pause().await;
                }
                done => return done.map_err(Trouble::in_doubt),
            }
        }
    }

    /// The same, once: the caller judges what went wrong.
    pub(super) async fn query_untried(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Trouble> {
        self.session().await?.query(sql, params).await
    }

    /// Runs an operation in a transaction, on a task of its own: when the caller's future is dropped it is done all the same,
    /// and no connection goes back half-way through.
    pub(super) async fn transact<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let db = self.clone();
        let task = tokio::spawn(async move { db.transact_here(&operation).await });
        task.await.unwrap_or_else(|error| Err(StoreError::with_source(StoreErrorKind::Unknown, error)))
    }

    /// The same on the caller's task, which must not be cancelled.
    pub(super) async fn transact_here<O: Operation>(&self, operation: &O) -> Result<O::Answer, StoreError> {
        let mut tries = AGAIN;
        loop {
            match self.transact_once(operation).await {
                Err((trouble, stage)) if is_undone(&trouble, stage) && tries.are_left() => tries.pause().await,
                done => return done.map_err(judge),
            }
        }
    }

    async fn transact_once<O: Operation>(&self, operation: &O) -> Result<O::Answer, (Trouble, Stage)> {
        let session = self.session_for(O::PATIENCE).await.map_err(|trouble| (trouble, Stage::Before))?;
        // Both are on their way before either is answered. What follows a BEGIN that failed fails too.
        let (begun, done) = join(session.command("BEGIN"), operation.run(&session)).await;
        match begun.and(done) {
            Ok(answer) => session.command("COMMIT").await.map(|()| answer).map_err(|error| (error, Stage::Commit)),
            Err(trouble) => {
                session.roll_back().await;
                Err((trouble, Stage::Before))
            }
        }
    }
}

/// How far a transaction had come.
#[derive(Clone, Copy)]
enum Stage {
    Before,
    Commit,
}

fn judge((trouble, stage): (Trouble, Stage)) -> StoreError {
    match stage {
        Stage::Before => trouble.into_store_error(),
        Stage::Commit => trouble.in_doubt(),
    }
}

/// Whether nothing of a transaction has happened, and the same again may succeed at once. A connection that was lost before the
/// end has taken everything with it.
fn is_undone(trouble: &Trouble, stage: Stage) -> bool {
    trouble.is_conflict() || (matches!(stage, Stage::Before) && (trouble.is_silence() || trouble.is_read_only()))
}

/// How often something is done again, and how long to wait before.
#[derive(Clone, Copy)]
pub(super) struct Tries {
    left: u32,
    longest: Duration,
}

impl Tries {
    pub(super) const fn new(left: u32, longest: Duration) -> Self {
        Self { left, longest }
    }

    pub(super) const fn are_left(self) -> bool {
        self.left > 0
    }

    /// Waits for a random part of a time that doubles, and uses up a try.
    pub(super) async fn pause(&mut self) {
        tokio::time::sleep(self.longest.mul_f64(entropy::fraction())).await;
        (self.left, self.longest) = (self.left.saturating_sub(1), self.longest * 2);
    }
}

impl<'a> Session<'a> {
    pub(super) fn lent(transaction: &'a Transaction<'a>, db: &Db) -> Self {
        Self { via: Via::Lent(transaction), schema: db.schema.clone(), identity: db.identity, limit: None }
    }

    /// Runs a statement whose parameters have these types.
    pub(super) async fn query(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, Trouble> {
        self.query_text(&self.schema.apply(sql), params).await
    }

    /// The same for a statement that was put together for this schema.
    pub(super) async fn query_text(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Trouble> {
        let run = async {
            match &self.via {
                Via::Prepared(client) => {
                    let types: Vec<_> = params.iter().map(|(_, kind)| kind.clone()).collect();
                    let statement = client.prepare_typed_cached(sql, &types).await?;
                    let values: Vec<_> = params.iter().map(|(value, _)| *value).collect();
                    client.query(&statement, &values).await
                }
                Via::Plain(client) => client.query_typed(sql, params).await,
                Via::Lent(transaction) => transaction.query_typed(sql, params).await,
            }
        };
        self.in_time(run).await
    }

    /// Statements without parameters and answers.
    pub(super) async fn command(&self, sql: &str) -> Result<(), Trouble> {
        let sql = self.schema.apply(sql);
        let run = async {
            match &self.via {
                Via::Prepared(client) | Via::Plain(client) => client.batch_execute(&sql).await,
                Via::Lent(transaction) => transaction.batch_execute(&sql).await,
            }
        };
        self.in_time(run).await
    }

    /// Call it before the end of a transaction whose answer tells of what another one has written: see [`WITNESS`].
    pub(super) async fn witness(&self) -> Result<(), Trouble> {
        self.query(WITNESS, &[]).await.map(drop)
    }

    /// Runs one exchange in the time that is left. A connection that is silent, or whose server takes no writes, is not used again,
    /// and neither are those that were made before: they most likely lead to the same server.
    async fn in_time<T>(&self, run: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Trouble> {
        let Some(limit) = &self.limit else { return Ok(run.await?) };
        let left = limit.until.saturating_sub(SystemClock.uptime());
        let trouble = match timeout(left, run).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => Trouble::from(error),
            Err(_) => Trouble::TooLong,
        };
        if let Trouble::TooLong = &trouble {
            tracing::warn!("PostgreSQL: no answer in time; the connection is given up");
            limit.source.withdraw(self.cancel_token());
        } else if trouble.is_read_only() {
            limit.source.withdraw(None);
        }
        Err(trouble)
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        match &self.via {
            Via::Prepared(client) | Via::Plain(client) => Some(client.cancel_token()),
            Via::Lent(_) => None,
        }
    }

    pub(super) const fn is_lent(&self) -> bool {
        matches!(self.via, Via::Lent(_))
    }

    /// What locks of ours are named after. Everybody who may log in can take any advisory lock; which are ours is known only to those
    /// who may read our tables.
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
            // Whatever state it is in, nobody uses it again.
            drop(Object::take(client));
        }
    }
}
