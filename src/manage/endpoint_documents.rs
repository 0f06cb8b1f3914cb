//! Endpoints as JSON documents.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::read::{name_of, parse, present};
use crate::endpoint::{
    CustomHeaders, Endpoint, EndpointState, Filter, Health, Limits, NewEndpoint, OnFailure, Rate, Target,
};
use crate::sender::{EndpointChange, Stats};

/// The highest concurrency that a document may ask for.
const MAX_CONCURRENCY: u32 = 10_000;

/// The highest count of a rate.
const MAX_RATE_COUNT: u32 = 1_000_000;

/// The longest time span of a rate, in seconds: a day.
const MAX_RATE_SECONDS: u32 = 86_400;

fn at_most(field: &str, number: NonZeroU32, limit: u32) -> Result<(), Problem> {
    if number.get() <= limit { Ok(()) } else { Err(Problem::invalid(field, format!("must be at most {limit}"))) }
}

/// The limits of an endpoint.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Limits)]
pub(super) struct LimitsDocument {
    /// The maximum number of attempts at the same time.
    #[schema(value_type = u32, minimum = 1, maximum = 10_000)]
    concurrency: NonZeroU32,
    /// The maximum number of attempts in a span of time; `null`: no limit.
    rate: Option<RateDocument>,
}

/// At most `count` in every span of `per_seconds` seconds.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rate)]
pub(super) struct RateDocument {
    #[schema(value_type = u32, minimum = 1, maximum = 1_000_000)]
    count: NonZeroU32,
    #[schema(value_type = u32, minimum = 1, maximum = 86_400)]
    per_seconds: NonZeroU32,
}

impl RateDocument {
    /// `field` is the name of the member, for errors.
    pub(super) fn rate(self, field: &str) -> Result<Rate, Problem> {
        at_most(&format!("{field}.count"), self.count, MAX_RATE_COUNT)?;
        at_most(&format!("{field}.per_seconds"), self.per_seconds, MAX_RATE_SECONDS)?;
        Ok(Rate { count: self.count, per: Duration::from_secs(self.per_seconds.get().into()) })
    }
}

impl From<Rate> for RateDocument {
    fn from(rate: Rate) -> Self {
        let seconds = u32::try_from(rate.per.as_secs()).unwrap_or(u32::MAX);
        Self { count: rate.count, per_seconds: NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN) }
    }
}

impl From<Limits> for LimitsDocument {
    fn from(limits: Limits) -> Self {
        Self { concurrency: limits.concurrency, rate: limits.rate.map(Into::into) }
    }
}

impl LimitsDocument {
    fn limits(self) -> Result<Limits, Problem> {
        at_most("limits.concurrency", self.concurrency, MAX_CONCURRENCY)?;
        let rate = self.rate.map(|rate| rate.rate("limits.rate")).transpose()?;
        Ok(Limits::default().with_concurrency(self.concurrency).with_rate(rate))
    }
}

/// An endpoint to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpoint)]
pub(super) struct NewDocument {
    /// The URL of the requests: an `https` URL that the egress guard allows.
    #[schema(format = "uri", max_length = 2_048, example = "https://acme.example/hooks")]
    url: String,
    /// The tenant of the endpoint. An operator must name it.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) tenant: Option<String>,
    /// The event types that the endpoint subscribes to: `*`, a type, or a type followed by `.*`. Default: all.
    #[schema(min_items = 1, max_items = 64, example = json!(["invoice.*"]))]
    events: Option<Vec<String>>,
    /// Custom headers of every request, for example credentials. Their values are never shown again.
    #[schema(example = json!({"authorization": "Bearer token"}))]
    headers: Option<BTreeMap<String, String>>,
    limits: Option<LimitsDocument>,
    /// What happens to later events of an ordering key after one of its events has failed: `skip` or `park`.
    on_failure: Option<OnFailureDocument>,
    /// The name of one of the sender's retry policies.
    retry: Option<String>,
    /// The names of the schemes that sign requests. Default: Standard Webhooks.
    #[schema(max_items = 4)]
    schemes: Option<Vec<String>>,
}

/// What happens to later events of an ordering key after one of its events has failed.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnFailure)]
pub(super) enum OnFailureDocument {
    Skip,
    Park,
}

impl From<OnFailureDocument> for OnFailure {
    fn from(document: OnFailureDocument) -> Self {
        match document {
            OnFailureDocument::Skip => Self::Skip,
            OnFailureDocument::Park => Self::Park,
        }
    }
}

/// Changes to an endpoint (a JSON Merge Patch, RFC 7396): absent members do not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointPatch)]
pub(super) struct PatchDocument {
    #[schema(format = "uri", max_length = 2_048)]
    url: Option<String>,
    #[schema(min_items = 1, max_items = 64)]
    events: Option<Vec<String>>,
    /// Replaces all headers: a name that is absent here is removed. The values of existing headers cannot be read, so they must be
    /// sent again.
    headers: Option<BTreeMap<String, String>>,
    limits: Option<LimitsDocument>,
    on_failure: Option<OnFailureDocument>,
    /// The name of a retry policy. `null`: the policy of the event type, or the sender's own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    retry: Option<Option<String>>,
    #[schema(max_items = 4)]
    schemes: Option<Vec<String>>,
}

fn target(url: &str) -> Result<Target, Problem> {
    parse("url", url)
}

fn filter(patterns: &[String]) -> Result<Filter, Problem> {
    let read = |(place, text): (usize, &String)| parse(&format!("events[{place}]"), text);
    let patterns = patterns.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Filter::new(patterns).map_err(|error| Problem::invalid("events", error))
}

fn headers(map: BTreeMap<String, String>) -> Result<CustomHeaders, Problem> {
    map.into_iter().try_fold(CustomHeaders::new(), |headers, (name, value)| {
        headers.with(&name, &value).map_err(|error| Problem::invalid("headers", error))
    })
}

impl NewDocument {
    pub(super) fn into_new(self) -> Result<NewEndpoint, Problem> {
        let mut new = NewEndpoint::at(target(&self.url)?);
        if let Some(patterns) = self.events {
            new.filter = filter(&patterns)?;
        }
        if let Some(map) = self.headers {
            new = new.headers(headers(map)?);
        }
        new = new.limits(self.limits.map_or_else(|| Ok(Limits::default()), LimitsDocument::limits)?);
        new = new
            .on_failure(self.on_failure.map_or(OnFailure::Skip, Into::into))
            .schemes(self.schemes.unwrap_or_default());
        Ok(match self.retry {
            Some(name) => new.retry(name),
            None => new,
        })
    }
}

impl PatchDocument {
    pub(super) fn into_change(self) -> Result<EndpointChange, Problem> {
        let mut change = EndpointChange::new();
        if let Some(url) = self.url {
            change = change.target(target(&url)?);
        }
        if let Some(patterns) = self.events {
            change = change.filter(filter(&patterns)?);
        }
        if let Some(map) = self.headers {
            change = change.headers(headers(map)?);
        }
        if let Some(limits) = self.limits {
            change = change.limits(limits.limits()?);
        }
        if let Some(rule) = self.on_failure {
            change = change.on_failure(rule.into());
        }
        if let Some(name) = self.retry {
            change = change.retry(name.as_deref());
        }
        Ok(match self.schemes {
            Some(names) => change.schemes(names),
            None => change,
        })
    }
}

/// Why and since when an endpoint is disabled.
#[derive(Serialize, ToSchema)]
pub(super) struct Disabled {
    /// `requested`, `operator` (only an operator can enable it), `gone`, `unproven`, `policy` or `failing`.
    reason: String,
    #[schema(format = DateTime)]
    at: String,
}

/// The public data of a signing key.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyDocument {
    /// The first 8 hexadecimal digits of its SHA-256.
    fingerprint: String,
    /// The time from which the key no longer signs; `null`: it is the current key.
    #[schema(format = DateTime)]
    retires_at: Option<String>,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(super) struct EndpointDocument {
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    id: String,
    tenant: String,
    #[schema(format = "uri")]
    url: String,
    events: Vec<String>,
    /// Whether requests are sent to the endpoint. While it is disabled, its deliveries are held.
    enabled: bool,
    disabled: Option<Disabled>,
    /// The names of the custom headers; their values are never shown.
    headers: Vec<String>,
    /// The keys that sign, newest first.
    keys: Vec<KeyDocument>,
    limits: LimitsDocument,
    /// The highest limits that the owner may set, if an operator has set them.
    ceiling: Option<LimitsDocument>,
    on_failure: OnFailureDocument,
    retry: Option<String>,
    schemes: Vec<String>,
    /// The time when the egress guard first refused a delivery to this endpoint.
    #[schema(format = DateTime)]
    flagged_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Increases with each change; the `ETag` contains it.
    version: u64,
}

impl EndpointDocument {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let key = |entry: &crate::secret::KeyringEntry| KeyDocument {
            fingerprint: entry.key.id(),
            retires_at: entry.retires_at.map(|at| at.to_string()),
        };
        Self {
            id: endpoint.id.to_string(),
            tenant: endpoint.tenant.to_string(),
            url: endpoint.target.as_str().into(),
            events: endpoint.filter.patterns().iter().map(ToString::to_string).collect(),
            enabled: endpoint.is_enabled(),
            disabled: disabled(endpoint.state),
            headers: endpoint.headers.names().map(String::from).collect(),
            keys: endpoint.keys.entries().iter().map(key).collect(),
            limits: endpoint.limits.into(),
            ceiling: endpoint.ceiling.map(Into::into),
            on_failure: if endpoint.on_failure == OnFailure::Park {
                OnFailureDocument::Park
            } else {
                OnFailureDocument::Skip
            },
            retry: endpoint.retry.as_deref().map(String::from),
            schemes: endpoint.schemes.iter().map(ToString::to_string).collect(),
            flagged_at: endpoint.flagged_at.map(|at| at.to_string()),
            created_at: endpoint.created_at.to_string(),
            version: endpoint.version,
        }
    }
}

fn disabled(state: EndpointState) -> Option<Disabled> {
    match state {
        EndpointState::Enabled => None,
        EndpointState::Disabled { reason, at } => Some(Disabled { reason: name_of(&reason), at: at.to_string() }),
    }
}

/// An endpoint in a list. The path and query of its URL may be a credential, so they are left out.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointSummary {
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    id: String,
    tenant: String,
    /// The scheme and authority of the URL.
    origin: String,
    events: Vec<String>,
    enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    version: u64,
}

impl EndpointSummary {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            tenant: endpoint.tenant.to_string(),
            origin: format!("{}://{}", endpoint.target.scheme(), endpoint.target.authority()),
            events: endpoint.filter.patterns().iter().map(ToString::to_string).collect(),
            enabled: endpoint.is_enabled(),
            created_at: endpoint.created_at.to_string(),
            version: endpoint.version,
        }
    }
}

/// An endpoint with the secret that verifies its requests. The secret is shown only in this response.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointWithSecret {
    endpoint: EndpointDocument,
    /// The secret: `whsec_…`, a text in the form of the signature scheme, or a public key.
    secret: String,
}

impl EndpointWithSecret {
    pub(super) fn of(endpoint: &Endpoint, secret: &str) -> Self {
        Self { endpoint: EndpointDocument::of(endpoint), secret: secret.into() }
    }
}

/// The results of recent attempts.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthDocument {
    /// The first failure since the last success.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    #[schema(format = DateTime)]
    last_failure: Option<String>,
    /// The number of failures since the last success.
    failures: u32,
    /// The last success, rounded to the minute.
    #[schema(format = DateTime)]
    last_success: Option<String>,
    /// The endpoint asked for no requests until this time.
    #[schema(format = DateTime)]
    paused_until: Option<String>,
}

impl HealthDocument {
    pub(super) fn of(health: &Health) -> Self {
        Self {
            failing_since: health.failing_since.map(|at| at.to_string()),
            last_failure: health.last_failure.map(|at| at.to_string()),
            failures: health.failures,
            last_success: health.last_success.map(|at| at.to_string()),
            paused_until: health.paused_until.map(|at| at.to_string()),
        }
    }
}

/// The number of deliveries of an endpoint in each state, and the durations of its last attempts in the process that responds.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(super) struct StatsDocument {
    /// Each number stops at 10,000, which means 10,000 deliveries or more.
    #[schema(maximum = 10_000)]
    pending: u64,
    #[schema(maximum = 10_000)]
    delivered: u64,
    /// Whether `delivered` may be too low, because only the deliveries that became final last were examined.
    delivered_is_lower_bound: bool,
    #[schema(maximum = 10_000)]
    failed: u64,
    #[schema(maximum = 10_000)]
    held: u64,
    #[schema(maximum = 10_000)]
    cancelled: u64,
    latency: Option<LatencyDocument>,
}

/// The durations of the last attempts.
#[derive(Serialize, ToSchema)]
#[schema(as = Latency)]
pub(super) struct LatencyDocument {
    attempts: usize,
    median_ms: f64,
    max_ms: f64,
}

impl StatsDocument {
    pub(super) fn of(stats: &Stats) -> Self {
        let milliseconds = |span: Duration| span.as_secs_f64() * 1_000.0;
        Self {
            pending: stats.counts.pending,
            delivered: stats.counts.delivered,
            delivered_is_lower_bound: stats.counts.delivered_is_lower_bound,
            failed: stats.counts.failed,
            held: stats.counts.held,
            cancelled: stats.counts.cancelled,
            latency: stats.median_duration.zip(stats.max_duration).map(|(median, max)| LatencyDocument {
                attempts: stats.recent_attempts,
                median_ms: milliseconds(median),
                max_ms: milliseconds(max),
            }),
        }
    }
}
