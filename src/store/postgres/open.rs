//! Opening a store: options, connections and checks.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};
use uuid::Uuid;

use super::clock;
use super::connect::{ConnectionCutoff, Connector, budget, hosts};
use super::group::Group;
use super::notifier::Notifier;
use super::session::{Db, Schema, Source};
use super::settle::HealthCache;
use super::{PostgresStore, migrate, partitions};
use crate::clock::Timestamp;
use crate::id::Work;
use crate::store::sql::DatabaseClock;
use crate::store::{OpenError, StoreError, StoreErrorKind};

/// The default time limit of a call.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest time without a response to data that was sent over a connection.
const SILENCE: Duration = Duration::from_secs(30);

/// The oldest supported server.
const MIN_SERVER: i32 = 150_000;

/// The options for opening a store.
///
/// | option | default |
/// |---|---|
/// | [`schema`](Self::schema) | `hookwire` |
/// | [`connections`](Self::connections) | 8, and one that listens |
/// | [`wait_timeout`](Self::wait_timeout) | 5 s |
/// | [`call_timeout`](Self::call_timeout) | 10 s |
/// | [`behind_a_pooler`](Self::behind_a_pooler) | no: each connection prepares its statements once, and one connection listens |
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
    /// The options for this server: a URL or a connection string as in libpq.
    ///
    /// If there are several hosts, the store uses the one that accepts writes; after a failover this is another one. The time limit for
    /// connecting to each host, including the handshake, is `connect_timeout`, or two seconds without this parameter.
    ///
    /// # Errors
    /// Returns an error if the text is invalid.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        Ok(Self::from_config(url.parse().map_err(|error| OpenError::Url(Box::new(error)))?))
    }

    /// The options for this server.
    #[must_use]
    pub fn from_config(mut config: Config) -> Self {
        if config.get_application_name().is_none() {
            config.application_name("hookwire");
        }
        // A server that stops responding is detected in half a minute, not in a quarter of an hour.
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

    /// Sets the schema of hookwire's tables. It is created if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the name is not 1 to 48 of `a-z 0-9 _`, or begins with a digit.
    pub fn schema(mut self, name: &str) -> Result<Self, OpenError> {
        self.schema = Schema::new(name).ok_or(OpenError::Schema)?;
        Ok(self)
    }

    /// Sets the limit of connections, at least two.
    #[must_use]
    pub fn connections(mut self, count: usize) -> Self {
        self.connections = count.max(2);
        self
    }

    /// Sets how long a call waits for a connection before it fails as unavailable.
    #[must_use]
    pub const fn wait_timeout(mut self, span: Duration) -> Self {
        self.wait = span;
        self
    }

    /// Sets the time limit of a call, including the wait for a connection; at least 100 ms. A call that exceeds the limit fails: as unknown
    /// if it may have happened, otherwise as unavailable. Its connection is not used again. Listing, counting and pruning have six times
    /// this limit. A commit that waits longer for a synchronous standby is unknown, too.
    #[must_use]
    pub fn call_timeout(mut self, span: Duration) -> Self {
        self.limit = span.max(Duration::from_millis(100));
        self
    }

    /// Configures the store for a pooler in transaction mode between the application and the server: no statement is prepared under a name,
    /// no connection listens, and workers find the work of other processes by polling. A pgbouncer with default settings is recognized
    /// without this option, because it refuses the settings that the store otherwise sends at the start of a session.
    #[must_use]
    pub const fn behind_a_pooler(mut self) -> Self {
        self.pooled = true;
        self
    }

    /// Allows a server whose `synchronous_commit` is off, which loses the last acknowledged changes when it crashes; or whose `fsync` is
    /// off, which may lose everything.
    #[must_use]
    pub const fn allow_asynchronous_commit(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// Opens the store without TLS.
    ///
    /// # Errors
    /// Returns an [`OpenError`] that describes what is wrong with the server or the schema.
    pub async fn open(self) -> Result<PostgresStore, OpenError> {
        self.open_with_tls(NoTls).await
    }

    /// Opens the store over TLS, with a connector for `tokio-postgres`, for instance from the crate `tokio-postgres-rustls`.
    ///
    /// # Errors
    /// Returns an [`OpenError`] that describes what is wrong with the server or the schema.
    pub async fn open_with_tls<T>(mut self, tls: T) -> Result<PostgresStore, OpenError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let connector = Connector::new(tls);
        let (pool, cutoff, identity) = self.connect(&connector).await?;
        let source = Source { pool, cutoff, canceller: connector.canceller(), limit: self.limit };
        let db = Db::new(source, (self.schema.clone(), identity), !self.pooled);
        partitions::maintain(&db, Work::Sent, Timestamp::EPOCH, 0).await?;
        let clock = DatabaseClock::default();
        clock::adjust(&clock, &db).await?;
        let notifier = Notifier::new(db.clone());
        clock::keep_adjusting(clock.clone(), db.clone(), notifier.ended());
        if !self.pooled {
            notifier.listen(self.config, connector, self.schema);
        }
        let (appends, beginnings, finishes) = (Group::new(db.clone()), Group::new(db.clone()), Group::new(db.clone()));
        Ok(PostgresStore {
            db,
            appends,
            beginnings,
            finishes,
            notifier,
            clock,
            health_cache: HealthCache::default(),
            sealer: None,
        })
    }

    /// Connects, with or without a pooler before the server, and updates the schema.
    async fn connect<T>(&mut self, connector: &Connector<T>) -> Result<(Pool, ConnectionCutoff, Uuid), OpenError>
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
        let cutoff = ConnectionCutoff::default();
        let mut pool = self.pool(manager(self.planned()), &cutoff)?;
        let mut client = pool.get().await;
        if !self.pooled && client.as_ref().is_err_and(is_refused_by_pooler) {
            tracing::info!(
                "PostgreSQL: a pooler is before the server: no statement is prepared, and no connection listens"
            );
            self.pooled = true;
            pool = self.pool(manager(self.planned()), &cutoff)?;
            client = pool.get().await;
        }
        let mut client = client?;
        let no_response = |_| StoreError::new(StoreErrorKind::Unavailable);
        timeout(self.limit, self.check_settings(&client)).await.map_err(no_response)??;
        migrate::migrate(&mut client, &self.schema).await?;
        let identity = migrate::identity(&client, &self.schema).await?;
        Ok((pool, cutoff, identity))
    }

    fn pool(&self, manager: Manager, cutoff: &ConnectionCutoff) -> Result<Pool, OpenError> {
        let cutoff = cutoff.clone();
        let is_newer = Hook::sync_fn(move |_, metrics| {
            if cutoff.is_newer(metrics) {
                Ok(())
            } else {
                Err(HookError::message("the connection was made before its server failed"))
            }
        });
        // Each host has its own time limit.
        let hosts = u32::try_from(hosts(&self.config)).unwrap_or(u32::MAX);
        let create = budget(&self.config).map_or(self.wait, |each| self.wait.max(each.saturating_mul(hosts + 1)));
        let pool = Pool::builder(manager).max_size(self.connections).runtime(Runtime::Tokio1).pre_recycle(is_newer);
        let pool = pool.wait_timeout(Some(self.wait)).create_timeout(Some(create)).build();
        pool.map_err(|_| OpenError::Schema)
    }

    /// A plan is made once, perhaps while a table is almost empty, and is kept while the table grows. So these settings make every
    /// statement use an index from the beginning. They are not sent through a pooler, which may not pass them on; behind a pooler every
    /// statement is planned again.
    fn planned(&self) -> Config {
        let mut config = self.config.clone();
        if !self.pooled {
            let own = "-c enable_seqscan=off -c jit=off -c plan_cache_mode=force_generic_plan";
            let options = self.config.get_options().map_or_else(|| own.to_owned(), |given| format!("{given} {own}"));
            config.options(options);
        }
        config
    }

    /// Checks the version and the durability settings of the server.
    async fn check_settings(&self, client: &Object) -> Result<(), OpenError> {
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

/// Whether this is the error that pgbouncer returns for options at the start of a session.
fn is_refused_by_pooler(error: &PoolError) -> bool {
    let PoolError::Backend(error) = error else { return false };
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::PROTOCOL_VIOLATION && error.message().contains("startup parameter")
    })
}
