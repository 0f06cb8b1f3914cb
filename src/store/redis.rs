//! Dedup records in Redis: for many receivers that share nothing else.
//!
//! One small string for each event, changed by scripts that the server runs whole, and forgotten by the server itself when it
//! has expired.
//!
//! ```no_run
//! use hookwire::store::RedisDedup;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let dedup = RedisDedup::connect("redis://localhost/").await?.with_prefix("app:webhooks:");
//! # Ok(())
//! # }
//! ```
//!
//! # What a Redis that loses data means
//!
//! A lost record is an event that is handled twice when its provider sends it again. Redis loses records when it is restarted
//! without persistence, for up to a second of them with `appendfsync everysec`, when a replica is promoted that had not heard of them
//! yet, and when it evicts keys because its memory is full: set `maxmemory-policy noeviction`, with which a full memory is
//! [`StoreErrorKind::Full`] and the provider is asked to come again. Nothing is ever lost of what a provider sends: a
//! forgotten record lets an event through, it never holds one back. Where twice is too often, keep the records in the database that
//! the handler writes to, and finish them [in its transaction](crate::store::postgres::PostgresStore::finish_in).
//!
//! # Caveats
//!
//! Redis 7 or later. The times compared are the receivers'; only forgetting goes by the server's clock. [`prune`](Dedup::prune) has
//! nothing to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{ErrorKind, RedisError, Script};

use super::{Begin, Claimant, Dedup, DedupKey, Settled, StoreError, StoreErrorKind};
use crate::clock::Timestamp;

/// What keys begin with unless something else is asked for.
const PREFIX: &str = "hookwire:dedup:";

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A record is `fence status ends`: microseconds, and -1 while there is no status.
///
/// Lua's numbers are exact up to 2^53, which microseconds reach in the year 2255.
const BEGIN: &str = r"
local now, ends = tonumber(ARGV[1]), tonumber(ARGV[2])
local fence = now
local record = redis.call('GET', KEYS[1])
if record then
    local f, status, e = string.match(record, '^(%d+) (%-?%d+) (%d+)$')
    if not f then return redis.error_reply('CORRUPT not a dedup record') end
    if now < tonumber(e) then return { status, e } end
    fence = math.max(now, tonumber(f) + 1)
end
local text = string.format('%.0f', fence)
local ttl = math.max(1, math.ceil((ends - now) / 1000))
redis.call('SET', KEYS[1], text .. ' -1 ' .. ARGV[2], 'PX', string.format('%.0f', ttl))
return { 'fresh', text }
";

const FINISH: &str = r"
local record = redis.call('GET', KEYS[1])
local fence, status = string.match(record or '', '^(%d+) (%-?%d+) %d+$')
if fence ~= ARGV[1] or status ~= '-1' then return 0 end
local ttl = math.max(1, math.ceil((tonumber(ARGV[3]) - tonumber(fence)) / 1000))
redis.call('SET', KEYS[1], fence .. ' ' .. ARGV[2] .. ' ' .. ARGV[3], 'PX', string.format('%.0f', ttl))
return 1
";

/// The record stays until it expires, so that the next beginning has a higher fence.
const ABANDON: &str = r"
local record = redis.call('GET', KEYS[1])
local fence, status, ends = string.match(record or '', '^(%d+) (%-?%d+) (%d+)$')
if fence ~= ARGV[1] or status ~= '-1' or ends == '0' then return 0 end
redis.call('SET', KEYS[1], fence .. ' -1 0', 'KEEPTTL')
return 1
";

/// Dedup records in one Redis. Clones share the connection, which is made again when it is lost.
#[derive(Clone)]
pub struct RedisDedup {
    connection: ConnectionManager,
    prefix: Arc<str>,
    begin: Script,
    finish: Script,
    abandon: Script,
}

impl fmt::Debug for RedisDedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDedup").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisDedup {
    /// Connects to this server, a `redis://` URL.
    ///
    /// # Errors
    /// When the URL cannot be read, or nobody answers.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let client = redis::Client::open(url).map_err(store_error)?;
        let config =
            ConnectionManagerConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
        let connection = ConnectionManager::new_with_config(client, config).await.map_err(store_error)?;
        Ok(Self::over(connection))
    }

    /// Over a connection of the application's, for instance one with TLS.
    #[must_use]
    pub fn over(connection: ConnectionManager) -> Self {
        let [begin, finish, abandon] = [BEGIN, FINISH, ABANDON].map(Script::new);
        Self { connection, prefix: PREFIX.into(), begin, finish, abandon }
    }

    /// What the names of its keys begin with; `hookwire:dedup:` without it.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn key(&self, key: &DedupKey) -> String {
        format!("{}{}", self.prefix, hex::encode(key.as_bytes()))
    }

    async fn begin_one(&self, key: DedupKey, now: Timestamp, until: Timestamp) -> Result<Begin, StoreError> {
        let mut call = self.begin.key(self.key(&key));
        call.arg(now.as_micros().max(0)).arg(until.as_micros().max(0));
        let (what, number): (String, String) =
            call.invoke_async(&mut self.connection.clone()).await.map_err(store_error)?;
        let corrupt = |_| StoreError::new(StoreErrorKind::Corrupt);
        Ok(match &*what {
            "fresh" => Begin::Fresh(Claimant { key, fence: number.parse().map_err(corrupt)? }),
            "-1" => Begin::Busy { until: Timestamp::from_micros(number.parse().map_err(corrupt)?) },
            status => Begin::Done { status: status.parse().map_err(corrupt)? },
        })
    }

    async fn end_one(&self, script: &Script, claimant: &Claimant, rest: &[i64]) -> Result<Settled, StoreError> {
        let mut call = script.key(self.key(&claimant.key));
        call.arg(claimant.fence);
        for argument in rest {
            call.arg(*argument);
        }
        let changed: i64 = call.invoke_async(&mut self.connection.clone()).await.map_err(store_error)?;
        Ok(if changed == 0 { Settled::LeaseLost } else { Settled::Done })
    }
}

#[async_trait]
impl Dedup for RedisDedup {
    async fn begin(&self, keys: &[DedupKey], now: Timestamp, lease_until: Timestamp) -> Result<Vec<Begin>, StoreError> {
        let mut begun = Vec::with_capacity(keys.len());
        for key in keys {
            begun.push(self.begin_one(*key, now, lease_until).await?);
        }
        Ok(begun)
    }

    async fn finish(
        &self,
        claimants: &[Claimant],
        status: u16,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut settled = Vec::with_capacity(claimants.len());
        for claimant in claimants {
            let rest = [status.into(), expires.as_micros().max(0)];
            settled.push(self.end_one(&self.finish, claimant, &rest).await?);
        }
        Ok(settled)
    }

    async fn abandon(&self, claimants: &[Claimant]) -> Result<Vec<Settled>, StoreError> {
        let mut settled = Vec::with_capacity(claimants.len());
        for claimant in claimants {
            settled.push(self.end_one(&self.abandon, claimant, &[]).await?);
        }
        Ok(settled)
    }

    /// The server forgets by itself.
    async fn prune(&self, _now: Timestamp, _limit: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn store_error(error: RedisError) -> StoreError {
    let kind = match (error.kind(), error.code()) {
        (_, Some("OOM")) => StoreErrorKind::Full,
        (_, Some("CORRUPT" | "WRONGTYPE")) | (ErrorKind::UnexpectedReturnType, _) => StoreErrorKind::Corrupt,
        (ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed, _) => StoreErrorKind::Invalid,
        // It may have been done, which an ended lease or the next question will tell.
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::with_source(kind, error)
}
