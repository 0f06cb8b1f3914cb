//! Endpoints as the API shows and takes them.

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
use crate::sender::{EndpointChange, Endpoints, Stats};

/// Most attempts at a time that may be asked for.
const MAX_CONCURRENCY: u32 = 10_000;

/// Most attempts in the span of a rate.
const MAX_RATE_COUNT: u32 = 1_000_000;

/// Longest span of a rate, in seconds: a day.
const MAX_RATE_SECONDS: u32 = 86_400;

fn at_most(field: &str, number: NonZeroU32, limit: u32) -> Result<(), Problem> {
    if number.get() <= limit { Ok(()) } else { Err(Problem::invalid(field, format!("must be at most {limit}"))) }
}

/// What an endpoint allows.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Limits)]
pub(super) struct LimitsDocument {
    /// Most attempts at a time.
    #[schema(value_type = u32, minimum = 1, maximum = 10_000)]
    concurrency: NonZeroU32,
    /// At most so many attempts in a span of time; `null`: no limit.
    rate: Option<RateDocument>,
}

/// At most so many in any span of so many seconds.
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
    /// `field`: where it stands.
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

/// An endpoint to be created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpoint)]
pub(super) struct NewDocument {
    /// Where requests go: an `https` URL that the egress guard allows.
    #[schema(format = "uri", max_length = 2_048, example = "https://acme.example/hooks")]
    url: String,
    /// Whose endpoint it is. Only an operator names a tenant.
    #[schema(min_length = 1, max_length = 128)]
    pub(super) tenant: Option<String>,
    /// Which events it wants: `*`, a type, or a type followed by `.*`. All, unless said otherwise.
    #[schema(min_items = 1, max_items = 64, example = json!(["invoice.*"]))]
    events: Option<Vec<String>>,
    /// Headers that go with every request, credentials among them. Their values are never shown again.
    #[schema(example = json!({"authorization": "Bearer token"}))]
    headers: Option<BTreeMap<String, String>>,
    limits: Option<LimitsDocument>,
    /// What becomes of the events of an ordering key when one of them has failed: `skip` or `park`.
    on_failure: Option<Choice>,
    /// The name of one of the sender's retry policies.
    retry: Option<String>,
    /// The names of the schemes that requests are signed by; Standard Webhooks, unless said otherwise.
    #[schema(max_items = 4)]
    schemes: Option<Vec<String>>,
}

/// What becomes of the events of an ordering key when one of them has failed.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnFailure)]
pub(super) enum Choice {
    Skip,
    Park,
}

impl From<Choice> for OnFailure {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Skip => Self::Skip,
            Choice::Park => Self::Park,
        }
    }
}

/// What is to be changed of an endpoint (a JSON Merge Patch, RFC 7396): what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndpointPatch)]
pub(super) struct PatchDocument {
    #[schema(format = "uri", max_length = 2_048)]
    url: Option<String>,
    #[schema(min_items = 1, max_items = 64)]
    events: Option<Vec<String>>,
    /// All headers anew: names that are not here are removed, because the values of the others are not kept readable.
    headers: Option<BTreeMap<String, String>>,
    limits: Option<LimitsDocument>,
    on_failure: Option<Choice>,
    /// `null`: by event type, or the sender's own.
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

/// Why and since when an endpoint is not served.
#[derive(Serialize, ToSchema)]
pub(super) struct Disabled {
    /// `requested`, `operator` (only an operator can enable it), `gone`, `unproven`, `policy` or `failing`.
    reason: String,
    #[schema(format = DateTime)]
    at: String,
}

/// A signing key, by what may be shown of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(super) struct KeyDocument {
    /// The first 8 hexadecimal digits of its SHA-256.
    fingerprint: String,
    /// From when on it no longer signs; `null`: it is the current one.
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
    /// Whether it is served. While it is not, its deliveries are held.
    enabled: bool,
    disabled: Option<Disabled>,
    /// The names of its headers; values are never shown.
    headers: Vec<String>,
    /// The keys that sign, newest first.
    keys: Vec<KeyDocument>,
    limits: LimitsDocument,
    /// The most that its owner may set as its limits, where an operator has set limits.
    ceiling: Option<LimitsDocument>,
    on_failure: Choice,
    retry: Option<String>,
    schemes: Vec<String>,
    /// When the egress guard first refused a delivery to it.
    #[schema(format = DateTime)]
    flagged_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// Rises with each change; what the `ETag` says.
    version: u64,
}

impl EndpointDocument {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let key = |entry: &crate::secret::Entry| KeyDocument {
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
            on_failure: if endpoint.on_failure == OnFailure::Park { Choice::Park } else { Choice::Skip },
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

/// An endpoint in a list: its path and query, which may be a credential, are left out.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointSummary {
    #[schema(pattern = "^ep_[0-9a-f]{32}$")]
    id: String,
    tenant: String,
    /// Scheme and authority of its URL.
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

/// An endpoint, and what its owner needs to verify its requests. It is shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointWithSecret {
    endpoint: EndpointDocument,
    /// `whsec_…`, a text that the scheme takes as it is, or a public key.
    secret: String,
}

impl EndpointWithSecret {
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        Self { endpoint: EndpointDocument::of(endpoint), secret: Endpoints::secret(endpoint).to_string() }
    }
}

/// How an endpoint has been answering.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthDocument {
    /// The first failure since the last success.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    #[schema(format = DateTime)]
    last_failure: Option<String>,
    /// Failures since the last success.
    failures: u32,
    /// The last success, to the minute.
    #[schema(format = DateTime)]
    last_success: Option<String>,
    /// It asked to be left alone until then.
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

/// How many deliveries of an endpoint are in each state, and how long its last attempts took in the process that answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
pub(super) struct StatsDocument {
    pending: u64,
    delivered: u64,
    failed: u64,
    held: u64,
    cancelled: u64,
    latency: Option<LatencyDocument>,
}

/// How long the last attempts took.
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
            failed: stats.counts.failed,
            held: stats.counts.held,
            cancelled: stats.counts.cancelled,
            latency: stats.latency.map(|latency| LatencyDocument {
                attempts: latency.attempts,
                median_ms: milliseconds(latency.median),
                max_ms: milliseconds(latency.max),
            }),
        }
    }
}
