//! A2A push notifications: the updates of a task are delivered to the clients that subscribed to them.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::dispatch::Receipt;
use super::error::{DispatchError, EndpointError};
use super::handle::Sender;
use super::scope::Scope;
use super::scoped::Scoped;
use crate::endpoint::{CustomHeaders, Endpoint, Labels, NewEndpoint, Target};
use crate::event::{EventType, NewEvent};
use crate::field::FieldError;
use crate::id::{EndpointId, Tenant};
use crate::store::{Counts, StoreError};

/// Prefix of the event type of a task's updates.
const PREFIX: &str = "hookwire.a2a.";

/// The label that names the task of an endpoint.
const TASK: &str = "a2a.task";

/// The members of a stream response and where each names its task. An update has exactly one of them.
const UPDATES: [(&str, &str); 4] =
    [("task", "id"), ("message", "taskId"), ("statusUpdate", "taskId"), ("artifactUpdate", "taskId")];

/// A push notification configuration: where a client wants the updates of a task, and how it recognizes the agent.
///
/// ```
/// use hookwire::sender::a2a::PushConfig;
///
/// let json = br#"{"taskId": "task-7", "url": "https://client.example/a2a", "token": "t"}"#;
/// assert!(PushConfig::from_json(json, None).is_ok());
/// assert!(PushConfig::from_json(b"{}", Some("task-7")).is_err(), "the URL is missing");
/// ```
#[derive(Clone)]
pub struct PushConfig {
    task: String,
    url: String,
    token: Option<String>,
    /// Scheme and credentials.
    authentication: Option<(String, String)>,
}

/// Prints neither token nor credentials.
impl fmt::Debug for PushConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushConfig").field("task", &self.task).finish_non_exhaustive()
    }
}

/// A stored push notification configuration. `Debug` prints no secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct Push {
    /// Its id, which is the id of an endpoint.
    pub id: EndpointId,
    /// Where updates go.
    pub target: Target,
    secret: Zeroizing<String>,
}

impl Push {
    /// The `whsec_` secret that signs the requests by Standard Webhooks, for clients that want the body authenticated too.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("id", &self.id).field("target", &self.target).finish_non_exhaustive()
    }
}

/// A configuration was not stored, or an update was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The push notification configuration is invalid.
    #[error("push notification configuration: {0}")]
    Config(Box<str>),
    /// The URL is malformed.
    #[error(transparent)]
    Target(FieldError),
    /// The token or the credentials cannot be sent in a header.
    #[error("token or credentials: {0}")]
    Header(#[source] FieldError),
    /// The update does not have exactly one of `task`, `message`, `statusUpdate` and `artifactUpdate`, or does not name its task.
    #[error(
        "update: is invalid; it must have exactly one of task, message, statusUpdate, artifactUpdate, and name its task"
    )]
    Update,
    /// The event of the update is invalid.
    #[error(transparent)]
    Event(FieldError),
    /// The endpoint was not created or removed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The update was not dispatched.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    task_id: Option<String>,
    url: Option<String>,
    token: Option<String>,
    authentication: Option<WireAuthentication>,
    /// Version 0.3 wraps the configuration in this member.
    push_notification_config: Option<Box<Wire>>,
}

#[derive(Deserialize)]
struct WireAuthentication {
    scheme: Option<String>,
    /// Version 0.3 has this member instead of `scheme`.
    #[serde(default)]
    schemes: Vec<String>,
    credentials: Option<String>,
}

impl PushConfig {
    /// Sends the updates of this task to this URL.
    #[must_use]
    pub fn new(task: impl Into<String>, url: impl Into<String>) -> Self {
        Self { task: task.into(), url: url.into(), token: None, authentication: None }
    }

    /// Sets the value of the header `X-A2A-Notification-Token`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Sets the header `Authorization`: a scheme (`Bearer`, `Basic`) and its credentials.
    #[must_use]
    pub fn authentication(mut self, scheme: impl Into<String>, credentials: impl Into<String>) -> Self {
        self.authentication = Some((scheme.into(), credentials.into()));
        self
    }

    /// Reads a `TaskPushNotificationConfig` of version 1.0 (flat) or 0.3 (wrapped). `task` names the task if the path of the request, or
    /// the message with the configuration, names it.
    ///
    /// # Errors
    /// Returns [`PushError::Config`] if the JSON is malformed, if task or URL are missing, or if there are credentials without a scheme.
    pub fn from_json(json: &[u8], task: Option<&str>) -> Result<Self, PushError> {
        let wrong = |what: &str| PushError::Config(what.into());
        // The message of serde may contain a credential.
        let outer: Wire = serde_json::from_slice(json).map_err(|_| wrong("malformed"))?;
        let task = task
            .map(String::from)
            .or(outer.task_id)
            .ok_or_else(|| wrong("taskId is missing; name the task in the path or in the configuration"))?;
        let Wire { url, token, authentication, .. } = match outer.push_notification_config {
            Some(inner) => *inner,
            None => Wire { task_id: None, push_notification_config: None, ..outer },
        };
        let mut config = Self::new(task, url.ok_or_else(|| wrong("url is missing; add it"))?);
        config.token = token;
        if let Some(WireAuthentication { scheme, schemes, credentials }) = authentication {
            let scheme = scheme.or_else(|| schemes.into_iter().next());
            match (scheme, credentials) {
                (Some(scheme), Some(credentials)) => config.authentication = Some((scheme, credentials)),
                // In version 0.3 a client may name schemes and leave the credentials to the agent.
                (_, None) => {}
                (None, Some(_)) => {
                    return Err(wrong("authentication.scheme is missing; add it, or leave out the credentials"));
                }
            }
        }
        Ok(config)
    }

    fn headers(&self) -> Result<CustomHeaders, FieldError> {
        let mut headers = CustomHeaders::new();
        if let Some((scheme, credentials)) = &self.authentication {
            headers = headers.with("authorization", &format!("{scheme} {credentials}"))?;
        }
        match &self.token {
            Some(token) => headers.with("x-a2a-notification-token", token),
            None => Ok(headers),
        }
    }
}

/// The event type of a task's updates. An id that is not a valid part of a type is hashed.
fn type_of(task: &str) -> Result<EventType, FieldError> {
    let plain = task.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && (1..=64).contains(&task.len());
    let name = if plain { task.to_owned() } else { format!("_{}", hex::encode(Sha256::digest(task))) };
    EventType::new(format!("{PREFIX}{name}"))
}

/// The push notifications of one tenant to the clients of its agents.
///
/// Each configuration is an endpoint that gets the updates of one task. Its requests pass the egress guard, carry the credentials that the
/// client chose, are also signed by Standard Webhooks, are retried, and are delivered in order; one client cannot slow another. The source
/// `a2a` of [`receiver`](crate::receiver) accepts these requests.
///
/// ```
/// use hookwire::sender::Sender;
/// use hookwire::sender::a2a::PushConfig;
/// use hookwire::store::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::builder(MemoryStore::new()).build()?;
/// let pushes = sender.a2a("acme");
/// pushes.set(PushConfig::new("task-7", "https://client.example/a2a").authentication("Bearer", "client-token")).await?;
/// let update = serde_json::json!({ "statusUpdate": {
///     "taskId": "task-7", "contextId": "c-1", "status": { "state": "TASK_STATE_COMPLETED" }
/// } });
/// assert_eq!(pushes.update(&update).await?.deliveries.len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// # Caveats
///
/// A configuration is kept until it is deleted, or [forgotten](Self::forget) after its task has ended. Each one counts as an endpoint of
/// the tenant. Token and credentials cannot be read back.
#[derive(Clone, Debug)]
pub struct A2aPush {
    scoped: Scoped,
    tenant: Tenant,
}

impl Sender {
    /// The A2A push notifications of this tenant.
    #[must_use]
    pub fn a2a(&self, tenant: impl Into<Tenant>) -> A2aPush {
        A2aPush { scoped: self.scoped(Scope::operator()), tenant: tenant.into() }
    }
}

impl A2aPush {
    /// Stores a configuration: `CreateTaskPushNotificationConfig`, `tasks/pushNotificationConfig/set`. It replaces the configuration with
    /// the same task and URL.
    ///
    /// # Errors
    /// Returns [`PushError::Target`], [`PushError::Header`] or [`PushError::Config`] if the configuration is invalid, and
    /// [`PushError::Endpoint`] if the egress guard refuses the URL, the tenant has too many endpoints or the store fails.
    pub async fn set(&self, config: PushConfig) -> Result<Push, PushError> {
        let target = Target::parse(&config.url).map_err(PushError::Target)?;
        let wanted = type_of(&config.task).map_err(PushError::Event)?;
        let mark =
            Labels::new().with(TASK, &config.task).map_err(|error| PushError::Config(error.to_string().into()))?;
        let new = NewEndpoint::at(target.clone()).tenant(self.tenant.clone()).labels(mark);
        let new = new.headers(config.headers().map_err(PushError::Header)?);
        let new = new.events([wanted.as_str()]).map_err(|error| PushError::Config(error.to_string().into()))?;
        let before = self.of(&config.task).await?;
        let created = self.scoped.create(new).await?;
        for old in before.iter().filter(|old| old.target == target) {
            self.remove(old.id).await?;
        }
        self.push(&created)
    }

    /// Lists the configurations of a task, oldest first: `ListTaskPushNotificationConfigs`.
    ///
    /// # Errors
    /// Returns [`PushError::Store`] if the store fails.
    pub async fn list(&self, task: &str) -> Result<Vec<Push>, PushError> {
        self.of(task).await?.iter().map(|endpoint| self.push(endpoint)).collect()
    }

    /// Reads a configuration: `GetTaskPushNotificationConfig`. Returns `None` if the task has no configuration with this id.
    ///
    /// # Errors
    /// Returns [`PushError::Store`] if the store fails.
    pub async fn get(&self, task: &str, id: EndpointId) -> Result<Option<Push>, PushError> {
        Ok(self.list(task).await?.into_iter().find(|push| push.id == id))
    }

    /// Deletes a configuration and cancels its pending deliveries: `DeleteTaskPushNotificationConfig`. Deleting one that does not exist
    /// succeeds.
    ///
    /// # Errors
    /// Returns [`PushError::Store`] or [`PushError::Endpoint`] if the store fails.
    pub async fn delete(&self, task: &str, id: EndpointId) -> Result<(), PushError> {
        match self.get(task, id).await? {
            Some(push) => self.remove(push.id).await,
            None => Ok(()),
        }
    }

    /// Sends an update, a `StreamResponse` of version 1.0, to every client that has configured its task. Each client gets the updates of
    /// a task in order.
    ///
    /// # Errors
    /// Returns [`PushError::Update`] if the value is not an update, and [`PushError::Dispatch`] or [`PushError::Store`] if it is not
    /// stored.
    pub async fn update(&self, update: &Value) -> Result<Receipt, PushError> {
        let present: Vec<_> = UPDATES.iter().filter_map(|(kind, id)| Some((update.get(kind)?, id))).collect();
        let [(inner, id)] = present[..] else { return Err(PushError::Update) };
        let task = inner.get(id).and_then(Value::as_str).ok_or(PushError::Update)?;
        self.send(task, "application/a2a+json", update).await
    }

    /// Sends a whole task, as version 0.3 does.
    ///
    /// # Errors
    /// Returns [`PushError::Update`] if the task has no id; otherwise the errors of [`update`](Self::update).
    pub async fn task(&self, task: &Value) -> Result<Receipt, PushError> {
        let id = task.get("id").and_then(Value::as_str).ok_or(PushError::Update)?;
        self.send(id, "application/json", task).await
    }

    async fn send(&self, task: &str, content_type: &str, body: &Value) -> Result<Receipt, PushError> {
        let event = self.event(task, content_type, body).map_err(PushError::Event)?;
        Ok(self.scoped.dispatch_to(event, &self.of(task).await?).await?)
    }

    fn event(&self, task: &str, content_type: &str, body: &Value) -> Result<NewEvent, FieldError> {
        let event_type = type_of(task)?;
        let event = NewEvent::raw(event_type.as_str(), content_type, body.to_string())?;
        event.tenant(self.tenant.clone()).ordered_by(event_type.as_str())
    }

    /// Removes the configurations of a task that has ended, except those with pending or held deliveries. Returns how many are left; call
    /// it again later to remove those.
    ///
    /// # Errors
    /// Returns [`PushError::Store`] or [`PushError::Endpoint`] if the store fails.
    pub async fn forget(&self, task: &str) -> Result<usize, PushError> {
        let mut left = 0;
        for endpoint in self.of(task).await? {
            let Counts { pending, held, .. } = self.scoped.stats_read(&endpoint).await?.counts;
            if pending + held == 0 {
                self.remove(endpoint.id).await?;
            } else {
                left += 1;
            }
        }
        Ok(left)
    }

    fn push(&self, endpoint: &Endpoint) -> Result<Push, PushError> {
        let (id, target) = (endpoint.id, endpoint.target.clone());
        Ok(Push { id, target, secret: self.scoped.secret(endpoint)? })
    }

    async fn remove(&self, id: EndpointId) -> Result<(), PushError> {
        match self.scoped.remove(id).await {
            Ok(()) | Err(EndpointError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The endpoints that were made for this task. An endpoint that was created in another way for events of this type has no label, and is
    /// left unchanged.
    async fn of(&self, task: &str) -> Result<Vec<Arc<Endpoint>>, PushError> {
        let all = self.scoped.endpoints_of(&self.tenant).await?;
        Ok(all.into_iter().filter(|endpoint| endpoint.labels.get(TASK) == Some(task)).collect())
    }
}
