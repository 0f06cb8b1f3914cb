//! A2A push notifications: a task's updates, delivered to whoever has asked for them.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{DispatchError, EndpointError, Endpoints, Receipt, Sender};
use crate::endpoint::{CustomHeaderError, CustomHeaders, Endpoint, Labels, NewEndpoint, Target, TargetError};
use crate::event::{EventError, EventType, NewEvent};
use crate::id::{EndpointId, Tenant};
use crate::store::{Counts, StoreError};

/// Before the task in the type of its events.
const PREFIX: &str = "hookwire.a2a.";

/// The label of an endpoint that was made for a task.
const TASK: &str = "a2a.task";

/// The members of a stream response, of which an update has exactly one, and where each names its task.
const UPDATES: [(&str, &str); 4] =
    [("task", "id"), ("message", "taskId"), ("statusUpdate", "taskId"), ("artifactUpdate", "taskId")];

/// Where a client wants the updates of a task, and how it knows that they come from the agent: a push notification configuration.
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

/// A configuration that is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Push {
    /// Its id: that of an endpoint.
    pub id: EndpointId,
    /// Where updates go.
    pub target: Target,
    /// What signs them.
    secret: Zeroizing<String>,
}

impl Push {
    /// The `whsec_` secret that signs its requests by Standard Webhooks, for clients that want the body bound as well.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// A configuration was not stored, or an update not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// It is no push notification configuration.
    #[error("push notification configuration: {0}")]
    Config(Box<str>),
    /// Its URL is malformed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Token or credentials do not fit into a header.
    #[error("token or credentials: {0}")]
    Header(#[from] CustomHeaderError),
    /// It is not one of `task`, `message`, `statusUpdate`, `artifactUpdate`, or names no task.
    #[error("update: must have exactly one of task, message, statusUpdate, artifactUpdate, and name its task")]
    Update,
    /// The event cannot be made.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The endpoint was not created or removed.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The update was not dispatched.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The store is in trouble.
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
    /// Of version 0.3, which wraps it.
    push_notification_config: Option<Box<Wire>>,
}

#[derive(Deserialize)]
struct WireAuthentication {
    scheme: Option<String>,
    /// Of version 0.3.
    #[serde(default)]
    schemes: Vec<String>,
    credentials: Option<String>,
}

impl PushConfig {
    /// Updates of this task to this URL.
    #[must_use]
    pub fn new(task: impl Into<String>, url: impl Into<String>) -> Self {
        Self { task: task.into(), url: url.into(), token: None, authentication: None }
    }

    /// What comes in `X-A2A-Notification-Token`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// What comes in `Authorization`: a scheme (`Bearer`, `Basic`) and its credentials.
    #[must_use]
    pub fn authentication(mut self, scheme: impl Into<String>, credentials: impl Into<String>) -> Self {
        self.authentication = Some((scheme.into(), credentials.into()));
        self
    }

    /// Reads a `TaskPushNotificationConfig`, of version 1.0 (flat) or 0.3 (wrapped). `task`: where the task is known from the path or
    /// from the message that carried the configuration.
    ///
    /// # Errors
    /// When it is none, or names no task, no URL, or a scheme without credentials.
    pub fn from_json(json: &[u8], task: Option<&str>) -> Result<Self, PushError> {
        let wrong = |what: &str| PushError::Config(what.into());
        // What serde says may hold a credential.
        let outer: Wire = serde_json::from_slice(json).map_err(|_| wrong("malformed"))?;
        let task = task.map(String::from).or(outer.task_id).ok_or_else(|| wrong("taskId is missing"))?;
        let Wire { url, token, authentication, .. } = match outer.push_notification_config {
            Some(inner) => *inner,
            None => Wire { task_id: None, push_notification_config: None, ..outer },
        };
        let mut config = Self::new(task, url.ok_or_else(|| wrong("url is missing"))?);
        config.token = token;
        if let Some(WireAuthentication { scheme, schemes, credentials }) = authentication {
            let scheme = scheme.or_else(|| schemes.into_iter().next());
            match (scheme, credentials) {
                (Some(scheme), Some(credentials)) => config.authentication = Some((scheme, credentials)),
                // Of version 0.3: the client names schemes and leaves it to the agent how it meets them.
                (_, None) => {}
                (None, Some(_)) => return Err(wrong("authentication.scheme is missing")),
            }
        }
        Ok(config)
    }

    fn headers(&self) -> Result<CustomHeaders, CustomHeaderError> {
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

/// Which events are those of a task. Its id may be any text, a type may not.
fn type_of(task: &str) -> Result<EventType, EventError> {
    let plain = task.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && (1..=64).contains(&task.len());
    let name = if plain { task.to_owned() } else { format!("_{}", hex::encode(Sha256::digest(task))) };
    EventType::new(format!("{PREFIX}{name}"))
}

/// The push notifications of one tenant: the clients of an agent, or the one that this agent serves.
///
/// Each configuration is an endpoint that wants the updates of one task: guarded, signed by Standard Webhooks in addition to what the
/// client has asked for, retried, in order, isolated. What a client gets is what
/// [`receiver`](crate::receiver)'s source `a2a` accepts.
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
/// A configuration stays until it is deleted, or [forgotten](Self::forget) after its task has ended; each counts among the tenant's
/// endpoints. Token and credentials are never shown again.
#[derive(Clone, Debug)]
pub struct A2aPush<'a> {
    sender: &'a Sender,
    tenant: Tenant,
}

impl Sender {
    /// A2A push notifications of this tenant.
    #[must_use]
    pub fn a2a(&self, tenant: impl Into<Tenant>) -> A2aPush<'_> {
        A2aPush { sender: self, tenant: tenant.into() }
    }
}

impl A2aPush<'_> {
    /// `CreateTaskPushNotificationConfig`, `tasks/pushNotificationConfig/set`. The same URL for the same task takes the place of the
    /// one before.
    ///
    /// # Errors
    /// When it is malformed, the egress guard refuses its URL, the tenant has too many endpoints, or the store is in trouble.
    pub async fn set(&self, config: PushConfig) -> Result<Push, PushError> {
        let target = Target::parse(&config.url)?;
        let wanted = type_of(&config.task)?;
        let mark =
            Labels::new().with(TASK, &config.task).map_err(|error| PushError::Config(error.to_string().into()))?;
        let new = NewEndpoint::at(target.clone()).tenant(self.tenant.clone()).headers(config.headers()?).labels(mark);
        let new = new.events([wanted.as_str()]).map_err(|error| PushError::Config(error.to_string().into()))?;
        let before = self.of(&config.task).await?;
        let created = self.sender.endpoints().create(new).await?;
        for old in before.iter().filter(|old| old.target == target) {
            self.remove(old.id).await?;
        }
        Ok(Push { id: created.id, target, secret: Endpoints::secret(&created) })
    }

    /// `ListTaskPushNotificationConfigs`: those of a task, oldest first.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn list(&self, task: &str) -> Result<Vec<Push>, PushError> {
        let push = |endpoint: &Arc<Endpoint>| Push {
            id: endpoint.id,
            target: endpoint.target.clone(),
            secret: Endpoints::secret(endpoint),
        };
        Ok(self.of(task).await?.iter().map(push).collect())
    }

    /// `GetTaskPushNotificationConfig`; `None` where the task has none of this id.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn get(&self, task: &str, id: EndpointId) -> Result<Option<Push>, PushError> {
        Ok(self.list(task).await?.into_iter().find(|push| push.id == id))
    }

    /// `DeleteTaskPushNotificationConfig`: what it is still owed is cancelled. Deleting what is not there is no error.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn delete(&self, task: &str, id: EndpointId) -> Result<(), PushError> {
        match self.get(task, id).await? {
            Some(push) => self.remove(push.id).await,
            None => Ok(()),
        }
    }

    /// Sends an update, a `StreamResponse` of version 1.0, to everybody who has asked for its task. Updates of a task reach each of
    /// them in order.
    ///
    /// # Errors
    /// When it is none, or is not stored.
    pub async fn update(&self, update: &Value) -> Result<Receipt, PushError> {
        let present: Vec<_> = UPDATES.iter().filter_map(|(kind, id)| Some((update.get(kind)?, id))).collect();
        let [(inner, id)] = present[..] else { return Err(PushError::Update) };
        let task = inner.get(id).and_then(Value::as_str).ok_or(PushError::Update)?;
        self.send(task, "application/a2a+json", update).await
    }

    /// Sends a whole task, as version 0.3 does.
    ///
    /// # Errors
    /// When it has no id, or is not stored.
    pub async fn task(&self, task: &Value) -> Result<Receipt, PushError> {
        let id = task.get("id").and_then(Value::as_str).ok_or(PushError::Update)?;
        self.send(id, "application/json", task).await
    }

    async fn send(&self, task: &str, content_type: &str, body: &Value) -> Result<Receipt, PushError> {
        let event_type = type_of(task)?;
        let event = NewEvent::raw(event_type.as_str(), content_type, body.to_string())?;
        let event = event.tenant(self.tenant.clone()).ordered_by(event_type.as_str())?;
        let to: Vec<_> = self.of(task).await?.iter().map(|endpoint| endpoint.id).collect();
        Ok(self.sender.dispatch_to(event, &to).await?)
    }

    /// After a task has ended: removes those of its configurations that are owed nothing more. Answers how many are left; call it
    /// again later for those.
    ///
    /// # Errors
    /// When the store is in trouble.
    pub async fn forget(&self, task: &str) -> Result<usize, PushError> {
        let mut left = 0;
        for endpoint in self.of(task).await? {
            let Counts { pending, held, .. } = self.sender.history().counts(Some(endpoint.id.into())).await?;
            if pending + held == 0 {
                self.remove(endpoint.id).await?;
            } else {
                left += 1;
            }
        }
        Ok(left)
    }

    async fn remove(&self, id: EndpointId) -> Result<(), PushError> {
        match self.sender.endpoints().remove(id).await {
            Ok(()) | Err(EndpointError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The endpoints that were made for this task. One that somebody has made for events of its type is not ours to remove.
    async fn of(&self, task: &str) -> Result<Vec<Arc<Endpoint>>, PushError> {
        type_of(task)?;
        let all = self.sender.endpoints().of_tenant(&self.tenant).await?;
        Ok(all.into_iter().filter(|endpoint| endpoint.labels.get(TASK) == Some(task)).collect())
    }
}
