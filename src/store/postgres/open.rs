//! Opening a store: where, how, and what is refused.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};
use uuid::Uuid;

use super::bell::Bell;
use super::clock::DatabaseClock;
use super::connect::{Connector, Trust, budget, hosts};
use super::group::Group;
use super::session::{Db, Schema, Source};
use super::settle::Noted;
use super::{PostgresStore, migrate, partitions};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::{StoreError, StoreErrorKind};

/// How long a call may take, unless it is said otherwise.
const LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may say nothing to what was sent over it.
const SILENCE: Duration = Duration::from_secs(30);

/// The oldest server that is served.
const MIN_SERVER: i32 = 150_000;

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL, or the connection string, cannot be read.
    #[error("PostgreSQL URL: cannot be read")]
    Url(#[source] tokio_postgres::Error),
    /// The schema's name.
    #[error("schema: must be 1 to 48 of a-z 0-9 _, and not begin with a digit")]
    Schema,
    /// A later version of hookwire has changed it so that this one cannot work with it.
    #[error("schema: has version {found}; this version of hookwire knows {supported}")]
    Newer {
        /// The version found.
        found: i32,
        /// The latest version this code can use.
        supported: i32,
    },
    /// The server is too old.
    #[error("PostgreSQL: is version {0}, must be 15 or later")]
    OldServer(String),
    /// A commit would be acknowledged before it is durable.
    #[error(
        "PostgreSQL: {0} is off; what is acknowledged may be lost (switch it on, or call allow_asynchronous_commit)"
    )]
    NotDurable(&'static str),
    /// No connection.
    #[error("PostgreSQL: no connection")]
    Connect(#[from] PoolError),
    /// The server said no.
    #[error("PostgreSQL: failed")]
    Postgres(#[from] tokio_postgres::Error),
    /// The store failed when it was first used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a store is to be opened.
///
/// | option | default |
/// |---|---|
/// | [`schema`](Self::schema) | `hookwire` |
/// | [`connections`](Self::connections) | 8, and one that listens |
/// | [`wait_timeout`](Self::wait_timeout) | 5 s |
/// | [`call_timeout`](Self::call_timeout) | 10 s |
/// | [`behind_a_pooler`](Self::behind_a_pooler) | no: statements are prepared once a connection, and one connection listens |
/// | [`allow_asynchronous_commit`](Self::allow_asynchronous_commit) | no |
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    config: Config,
    schema: Schema,
    connections: usize,
    wait: Duration,
    limit: Duration,
    pooled: bool,
    asynchronous: bool,
}

impl PostgresOptions {
    /// For this server: a URL or a connection string as libpq has them.
    ///
    /// With several hosts, the one that takes writes is used, after a failover another one. Each is asked for as long as
    /// `connect_timeout` says, the handshake included, and for two seconds where it says nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        Ok(Self::from_config(url.parse().map_err(OpenError::Url)?))
    }

    /// For this server.
    #[must_use]
    pub fn from_config(mut config: Config) -> Self {
        if config.get_application_name().is_none() {
            config.application_name("hookwire");
        }
        // A server that is gone without a word is noticed in half a minute, not in a quarter of an hour.
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        config.keepalives_idle(config.get_keepalives_idle().min(SILENCE));
        let schema = Schema::default();
        Self {
            config,
            schema,
            connections: 8,
            wait: Duration::from_secs(5),
            limit: LIMIT,
            pooled: false,
            asynchronous: false,
        }
    }

    /// The schema that hookwire's tables stand in. It is made if it is not there.
    ///
    /// # Errors
    /// When it is not 1 to 48 of `a-z 0-9 _`, or begins with a digit.
    pub fn schema(mut self, name: &str) -> Result<Self, OpenError> {
        self.schema = Schema::new(name).ok_or(OpenError::Schema)?;
        Ok(self)
    }

    /// At most so many connections, at least two.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count.max(2);
        self
    }

    /// How long a call waits for a connection before it fails as unavailable.
    #[must_use]
    pub const fn wait_timeout(mut self, span: Duration) -> Self {
        self.wait = span;
        self
    }

    /// How long a call may take, the wait for a connection included; at least 100 ms. Then it fails: as unknown where it may have
    /// happened, else as unavailable. Its connection is not used again. Listing, counting and pruning have six times as long. A
    /// commit that waits for a synchronous standby for longer is unknown, too.
    #[must_use]
    pub fn call_timeout(mut self, span: Duration) -> Self {
        self.limit = span.max(Duration::from_millis(100));
        self
    }

    /// There is a pooler in transaction mode between here and the server: nothing is prepared under a name, nobody listens, and
    /// work of other processes is found by looking for it. A pgbouncer with default settings is recognized without this, because
    /// it refuses the settings that a session is begun with otherwise.
    #[must_use]
    pub const fn behind_a_pooler(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// Opens a store on a server whose `synchronous_commit` is off: the last moments before its crash are lost, although they were
    /// acknowledged. Or whose `fsync` is off: all may be lost then.
    #[must_use]
    pub const fn allow_asynchronous_commit(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// Opens the store without TLS.
    ///
    /// # Errors
    /// Says what is wrong with the server or the schema.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.open_with_tls(NoTls).await
    }

    /// Opens the store over TLS, made by a connector for `tokio-postgres`, for instance of the crate `tokio-postgres-rustls`.
    ///
    /// # Errors
    /// Says what is wrong with the server or the schema.
    pub async fn open_with_tls<T>(mut self, tls: T) -> Result<PostgresStore, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connector = Connector::new(tls);
        let (pool, trust, identity) = self.reach(&connector).await?;
        let source = Source { pool, trust, canceller: connector.canceller(), limit: self.limit };
        let db = Db::new(source, (self.schema.clone(), identity), !self.pooled);
        partitions::keep_up(&db, Work::Sent, Timestamp::EPOCH, 0).await?;
        let clock = DatabaseClock::default();
        clock.adjust(&db).await?;
        let bell = Bell::new(db.clone());
        clock.keep_adjusting(db.clone(), bell.ended());
        if !self.pooled {
            bell.listen(self.config, connector, self.schema);
        }
        let (appends, beginnings, finishes) = (Group::new(db.clone()), Group::new(db.clone()), Group::new(db.clone()));
        Ok(PostgresStore { db, appends, beginnings, finishes, bell, clock, noted: Noted::default(), vault: None })
    }

    /// Connects, with whatever there is between here and the server, and brings the schema up to date.
    async fn reach<T>(&mut self, connector: &Connector<T>) -> Result<(Pool, Trust, Uuid), OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let manager = |config| {
            let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            Manager::from_connect(config, connector.clone(), recycling)
        };
        let trust = Trust::default();
        let mut pool = self.pool(manager(self.planned()), &trust)?;
        let mut client = pool.get().await;
        if !self.pooled && client.as_ref().is_err_and(is_a_poolers) {
            tracing::info!("there is a pooler before the server: nothing is prepared, and nobody listens");
            self.pooled = true;
            pool = self.pool(manager(self.planned()), &trust)?;
            client = pool.get().await;
        }
        let mut client = client?;
        let silent = |_| StoreError::new(StoreErrorKind::Unavailable);
        timeout(self.limit, self.judge(&client)).await.map_err(silent)??;
        migrate::migrate(&mut client, &self.schema).await?;
        let identity = migrate::identity(&client, &self.schema).await?;
        Ok((pool, trust, identity))
    }

    fn pool(&self, manager: Manager, trust: &Trust) -> Result<Pool, OpenError> {
        let trust = trust.clone();
        let still_good = Hook::sync_fn(move |_, metrics| {
            if trust.holds(metrics) { Ok(()) } else { Err(HookError::message("made before its server failed")) }
        });
        // Every host has its time.
        let hosts = u32::try_from(hosts(&self.config)).unwrap_or(u32::MAX);
        let create = budget(&self.config).map_or(self.wait, |each| self.wait.max(each.saturating_mul(hosts + 1)));
        let pool = Pool::builder(manager).max_size(self.connections).runtime(Runtime::Tokio1).pre_recycle(still_good);
        let pool = pool.wait_timeout(Some(self.wait)).create_timeout(Some(create)).build();
        pool.map_err(|_| OpenError::Schema)
    }

    /// Plans are made once, perhaps while a table is all but empty, and kept while it grows: so every statement goes by an index
    /// from the beginning. Not through a pooler, which may not pass this on; behind one, every statement is planned anew.
    fn planned(&self) -> Config {
        let mut config = self.config.clone();
        if !self.pooled {
            let own = "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan";
            let options = self.config.get_options().map_or_else(|| own.to_owned(), |given| format!("{given} {own}"));
            config.options(options);
        }
        config
    }

    /// What the server promises.
    async fn judge(&self, client: &Object) -> Result<(), OpenError> {
        let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_version'), \
                   current_setting('synchronous_commit'), \
                   current_setting('fsync')";
        let rows = client.query_typed(sql, &[]).await?;
        let Some(row) = rows.first() else { return Err(OpenError::NotDurable("synchronous_commit")) };
        if row.try_get::<_, i32>(0)? < MIN_SERVER {
            return Err(OpenError::OldServer(row.try_get(1)?));
        }
        for (column, setting) in [(2, "synchronous_commit"), (3, "fsync")] {
            if row.try_get::<_, &str>(column)? == "off" && !self.asynchronous {
                return Err(OpenError::NotDurable(setting));
            }
        }
        Ok(())
    }
}

/// What pgbouncer says to options at the start of a session.
fn is_a_poolers(error: &PoolError) -> bool {
    let PoolError::Backend(error) = error else { return false };
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::PROTOCOL_VIOLATION && error.message().contains("startup parameter")
    })
}
