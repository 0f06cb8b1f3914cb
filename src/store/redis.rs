//! Dedup records in Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{ErrorKind, RedisError, Script, ScriptInvocation};

use super::{
    BeginResult, Dedup, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled, StoreError,
    StoreErrorKind,
};
use crate::clock::Timestamp;

/// The default prefix of all keys.
const PREFIX: &str = "hookwire:dedup:";

/// How long a call waits for the server's response.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A record is a hash with the fields `f`, the fence; `e`, the time at which it ends; and, once it is finished, `s`, `t` and `b`: the
/// status, content type and body of the first response. Times are in microseconds. The keys of a group's records are stored in a set, which
/// expires with the last of them.
///
/// A full server refuses the first write of each script if it refuses any: once it has accepted the first write, it accepts the others.
///
/// Lua's numbers are exact up to 2^53; a time in microseconds reaches this value in the year 2255.
const BEGIN: &str = r"
local now, ends = tonumber(ARGV[1]), tonumber(ARGV[2])
local fence = now
if redis.call('EXISTS', KEYS[1]) == 1 then
    local r = redis.call('HMGET', KEYS[1], 'f', 'e', 's', 't', 'b')
    if not r[1] or not r[2] then return redis.error_reply('CORRUPT not a dedup record') end
    if now < tonumber(r[2]) then
        if r[3] then return { 'done', r[3], r[4] or '', r[5] or '' } end
        return { 'busy', r[2], '', '' }
    end
    fence = math.max(now, tonumber(r[1]) + 1)
end
local text = string.format('%.0f', fence)
local ttl = string.format('%.0f', math.max(1, math.ceil((ends - now) / 1000)))
redis.call('HSET', KEYS[1], 'f', text, 'e', ARGV[2], 'g', KEYS[2] or '')
redis.call('HDEL', KEYS[1], 's', 't', 'b')
redis.call('PEXPIRE', KEYS[1], ttl)
return { 'fresh', text, '', '' }
";

const FINISH: &str = r"
local r = redis.call('HMGET', KEYS[1], 'f', 's', 'g')
if r[1] ~= ARGV[1] or r[2] then return 0 end
local ttl = string.format('%.0f', math.max(1, math.ceil((tonumber(ARGV[3]) - tonumber(r[1])) / 1000)))
redis.call('HSET', KEYS[1], 's', ARGV[2], 'e', ARGV[3], 't', ARGV[4], 'b', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ttl)
if r[3] and r[3] ~= '' then
    redis.call('SADD', r[3], KEYS[1])
    if redis.call('PTTL', r[3]) < tonumber(ttl) then redis.call('PEXPIRE', r[3], ttl) end
end
return 1
";

/// The record remains until it expires, so that the next begin has a higher fence.
const ABANDON: &str = r"
local r = redis.call('HMGET', KEYS[1], 'f', 's', 'e')
if r[1] ~= ARGV[1] or r[2] or r[3] == '0' then return 0 end
redis.call('HSET', KEYS[1], 'e', '0')
return 1
";

/// Deletes finished records only; the set has no others. A record that was begun again since then has no status.
const FORGET: &str = r"
local gone = 0
for _, key in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    if redis.call('HEXISTS', key, 's') == 1 then gone = gone + redis.call('DEL', key) end
end
redis.call('DEL', KEYS[1])
return gone
";

/// Dedup records in one Redis, for many receivers that share nothing else. Clones share the connection, which reconnects after it is lost.
///
/// Each event is one small hash. A script changes it atomically, and the server deletes it when it has expired.
///
/// ```no_run
/// use hookwire::store::RedisDedup;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let dedup = RedisDedup::connect("redis://localhost/").await?.with_prefix("app:webhooks:");
/// # Ok(())
/// # }
/// ```
///
/// # What a Redis that loses data means
///
/// If Redis loses the record of an event, the event is handled again when its provider sends it again. Redis loses records in three cases:
///
/// - It restarts without persistence; with `appendfsync everysec` it loses up to a second of records.
/// - A replica is promoted that had not received the records yet.
/// - It evicts keys because its memory is full. Set `maxmemory-policy noeviction`: a full memory then fails with
///   [`StoreErrorKind::Full`], and the provider is asked to retry.
///
/// No event is lost: without its record an event is handled, never dropped. If handling an event twice is not acceptable, keep the records
/// in the database that the handler writes to, and finish them
/// [in its transaction](super::PostgresStore::finish_in).
///
/// # Caveats
///
/// - Redis 7 or later.
/// - The receivers' clocks decide which record is current; the server's clock only decides when a record is deleted.
/// - [`prune`](Dedup::prune) has nothing to do.
/// - **The keys of one call are changed one after the other**, each by one script. If the connection fails in between, some keys have
///   changed, against rule 9 of [`Dedup`]. A key that was begun is fresh again when its lease ends, so no event is lost; an event may
///   be handled twice.
#[derive(Clone)]
pub struct RedisDedup {
    connection: ConnectionManager,
    prefix: Arc<str>,
    begin: Script,
    finish: Script,
    abandon: Script,
    forget: Script,
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
    /// Returns an error if the URL is invalid or the server does not respond.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let client = redis::Client::open(url).map_err(store_error)?;
        let config =
            ConnectionManagerConfig::new().set_connection_timeout(Some(TIMEOUT)).set_response_timeout(Some(TIMEOUT));
        let connection = ConnectionManager::new_with_config(client, config).await.map_err(store_error)?;
        let dedup = Self::over(connection);
        dedup.warn_about_eviction().await;
        Ok(dedup)
    }

    /// Logs a warning if the server evicts keys, because it then deletes records without an error. If the server does not permit the check,
    /// nothing is logged.
    async fn warn_about_eviction(&self) {
        let info: Result<String, _> = redis::cmd("INFO").arg("memory").query_async(&mut self.connection.clone()).await;
        let Ok(info) = info else { return };
        let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).unwrap_or_default().trim();
        if !matches!(policy, "" | "noeviction") {
            tracing::warn!(
                policy,
                "this Redis forgets dedup records when its memory is full: set maxmemory-policy noeviction"
            );
        }
    }

    /// Uses a connection that the application has made, for instance one with TLS.
    #[must_use]
    pub fn over(connection: ConnectionManager) -> Self {
        let [begin, finish, abandon, forget] = [BEGIN, FINISH, ABANDON, FORGET].map(Script::new);
        Self { connection, prefix: PREFIX.into(), begin, finish, abandon, forget }
    }

    /// Sets the prefix of the names of all keys; the default is `hookwire:dedup:`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn key(&self, key: &DedupKey) -> String {
        format!("{}{}", self.prefix, hex::encode(key.as_bytes()))
    }

    fn group(&self, group: &DedupGroup) -> String {
        format!("{}group:{}", self.prefix, hex::encode(group.as_bytes()))
    }

    async fn begin_one(&self, entry: &DedupEntry, now: Timestamp, until: Timestamp) -> Result<BeginResult, StoreError> {
        let mut call = self.begin.key(self.key(&entry.key));
        if let Some(group) = &entry.group {
            call.key(self.group(group));
        }
        call.arg(now.as_micros().max(0)).arg(until.as_micros().max(0));
        let (what, first, content_type, body): (String, String, String, Vec<u8>) =
            call.invoke_async(&mut self.connection.clone()).await.map_err(store_error)?;
        let corrupt = |_| StoreError::new(StoreErrorKind::Corrupt);
        Ok(match &*what {
            "fresh" => BeginResult::Fresh(DedupLease { key: entry.key, fence: first.parse().map_err(corrupt)? }),
            "busy" => BeginResult::Busy { until: Timestamp::from_micros(first.parse().map_err(corrupt)?) },
            _ => BeginResult::Done(FirstResponse {
                status: first.parse().map_err(corrupt)?,
                content_type: Some(content_type).filter(|text| !text.is_empty()),
                body: body.into(),
            }),
        })
    }

    async fn end_one(&self, lease: &DedupLease, mut call: ScriptInvocation<'_>) -> Result<Settled, StoreError> {
        call.key(self.key(&lease.key));
        let changed: i64 = call.invoke_async(&mut self.connection.clone()).await.map_err(store_error)?;
        Ok(if changed == 0 { Settled::LeaseLost } else { Settled::Done })
    }
}

#[async_trait]
impl Dedup for RedisDedup {
    async fn begin(
        &self,
        entries: &[DedupEntry],
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Vec<BeginResult>, StoreError> {
        let mut begun = Vec::with_capacity(entries.len());
        for entry in entries {
            begun.push(self.begin_one(entry, now, lease_until).await?);
        }
        Ok(begun)
    }

    async fn finish(
        &self,
        leases: &[DedupLease],
        answer: &FirstResponse,
        expires: Timestamp,
    ) -> Result<Vec<Settled>, StoreError> {
        let mut settled = Vec::with_capacity(leases.len());
        for lease in leases {
            let mut call = self.finish.prepare_invoke();
            call.arg(lease.fence).arg(answer.status).arg(expires.as_micros().max(0));
            call.arg(answer.content_type.as_deref().unwrap_or_default()).arg(&answer.body[..]);
            settled.push(self.end_one(lease, call).await?);
        }
        Ok(settled)
    }

    async fn abandon(&self, leases: &[DedupLease]) -> Result<Vec<Settled>, StoreError> {
        let mut settled = Vec::with_capacity(leases.len());
        for lease in leases {
            let mut call = self.abandon.prepare_invoke();
            call.arg(lease.fence);
            settled.push(self.end_one(lease, call).await?);
        }
        Ok(settled)
    }

    async fn forget(&self, groups: &[DedupGroup]) -> Result<Vec<u64>, StoreError> {
        let mut forgotten = Vec::with_capacity(groups.len());
        for group in groups {
            let call = self.forget.key(self.group(group));
            forgotten.push(call.invoke_async(&mut self.connection.clone()).await.map_err(store_error)?);
        }
        Ok(forgotten)
    }

    /// The server deletes expired records itself.
    async fn prune(&self, _now: Timestamp, _limit: u32) -> Result<u64, StoreError> {
        Ok(0)
    }
}

fn store_error(error: RedisError) -> StoreError {
    let kind = match (error.kind(), error.code()) {
        (_, Some("OOM")) => StoreErrorKind::Full,
        (_, Some("CORRUPT" | "WRONGTYPE")) | (ErrorKind::UnexpectedReturnType, _) => StoreErrorKind::Corrupt,
        (ErrorKind::InvalidClientConfig | ErrorKind::AuthenticationFailed, _) => StoreErrorKind::Invalid,
        // The call may have happened: an ended lease or the next call resolves it.
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::with_source(kind, error)
}
