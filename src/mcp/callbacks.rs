//! Registering, changing and listing callbacks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::documents::{Callback, Callbacks, List, One, Register, Registered, Rotate, Rotated, Unregistered, Update};
use super::failure::Failure;
use super::handover::Handed;
use super::read::{self, callback, maybe, page};
use super::route::{Call, Counted, Spec};
use crate::endpoint::{Endpoint, Filter, NewEndpoint, Target};
use crate::sender::{EndpointChange, EndpointError, Endpoints};

/// Longest time for which a key that was replaced goes on signing, in seconds: 30 days.
const MAX_OVERLAP: u32 = 30 * 86_400;

/// How long it does so where nothing is said: a day.
const OVERLAP: u32 = 86_400;

pub(super) const REGISTER: Spec = Spec {
    name: "webhook_register",
    title: "Register callback",
    description: "Register an https callback for events. Registering the same URL again changes what it wants. The signing secret is \
        never shown here: the result says where a person finds it.",
    reads_only: false,
    destroys: false,
    repeats: true,
    reaches_out: true,
    counted: Some(Counted::Changes),
};

pub(super) const UPDATE: Spec = Spec {
    name: "webhook_update",
    title: "Change callback",
    description: "Change the URL or the event types of a callback, or switch it off and on. While it is off, its events are held.",
    ..REGISTER
};

pub(super) const UNREGISTER: Spec = Spec {
    name: "webhook_unregister",
    title: "Remove callback",
    description: "Remove a callback. What it is still owed is cancelled.",
    destroys: true,
    reaches_out: false,
    ..REGISTER
};

pub(super) const LIST: Spec = Spec {
    name: "webhook_list",
    title: "List callbacks",
    description: "List callbacks, oldest first.",
    reads_only: true,
    reaches_out: false,
    counted: None,
    ..REGISTER
};

pub(super) const GET: Spec =
    Spec { name: "webhook_get", title: "Get callback", description: "Show one callback.", ..LIST };

pub(super) const ROTATE: Spec = Spec {
    name: "webhook_rotate_secret",
    title: "Rotate signing secret",
    description: "Give a callback a fresh signing secret. Old and new sign together for a while. The secret is never shown here: the \
        result says where a person finds it.",
    destroys: true,
    repeats: false,
    reaches_out: false,
    ..REGISTER
};

fn target(url: &str) -> Result<Target, Failure> {
    let target = Target::parse(url).map_err(|error| Failure::invalid("url", error))?;
    Ok(target)
}

fn filter(patterns: &[String]) -> Result<Filter, Failure> {
    let patterns = patterns.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    let patterns = patterns.map_err(|error: crate::event::PatternError| Failure::invalid("event_types", error))?;
    Filter::new(patterns).map_err(|error| Failure::invalid("event_types", error))
}

pub(super) fn register(call: Call, asked: Register) -> BoxFuture<'static, Result<Registered, Failure>> {
    async move {
        let mut new = NewEndpoint::at(target(&asked.url)?);
        let filter = asked.event_types.as_deref().map(filter).transpose()?;
        if let Some(known) = call.known_at(&new.target).await? {
            let change = filter.map_or_else(EndpointChange::new, |filter| EndpointChange::new().filter(filter));
            let endpoint = call.scoped().update(known.id, change).await?;
            return Ok(Registered { callback: Callback::of(&call.proven(endpoint).await?), secret: None });
        }
        if let Some(filter) = filter {
            new.filter = filter;
        }
        let endpoint = call.scoped().create(new).await?;
        let handed = call.hand_over(&endpoint).await;
        if handed.is_err() {
            // Nobody would ever know its secret.
            call.scoped().remove(endpoint.id).await?;
        }
        let secret = Some(handed?.into());
        Ok(Registered { callback: Callback::of(&call.proven(endpoint).await?), secret })
    }
    .boxed()
}

pub(super) fn update(call: Call, asked: Update) -> BoxFuture<'static, Result<Callback, Failure>> {
    async move {
        let mut change = EndpointChange::new();
        if let Some(url) = &asked.url {
            change = change.target(target(url)?);
        }
        if let Some(patterns) = &asked.event_types {
            change = change.filter(filter(patterns)?);
        }
        change = match asked.enabled {
            Some(true) => change.enabled(),
            Some(false) => change.disabled(),
            None => change,
        };
        let id = callback(&asked.callback_id)?;
        if asked.enabled == Some(true) {
            // One that waits for its owner is asked again.
            let endpoint = Endpoint::clone(&*call.scoped().endpoint(id).await?);
            call.proven(endpoint).await?;
        }
        let endpoint = call.scoped().update(id, change).await?;
        Ok(Callback::of(&call.proven(endpoint).await?))
    }
    .boxed()
}

pub(super) fn unregister(call: Call, asked: One) -> BoxFuture<'static, Result<Unregistered, Failure>> {
    async move {
        call.scoped().remove(callback(&asked.callback_id)?).await?;
        Ok(Unregistered { deleted: true })
    }
    .boxed()
}

pub(super) fn get(call: Call, asked: One) -> BoxFuture<'static, Result<Callback, Failure>> {
    async move { Ok(Callback::of(&*call.scoped().endpoint(callback(&asked.callback_id)?).await?)) }.boxed()
}

pub(super) fn list(call: Call, asked: List) -> BoxFuture<'static, Result<Callbacks, Failure>> {
    async move {
        let limit = page(asked.limit)?;
        let after = maybe("cursor", asked.cursor.as_deref())?;
        let found = call.scoped().endpoints(after, limit + 1).await?;
        let (shown, next_cursor) = read::cut(&found, limit, |last: &Arc<Endpoint>| last.id.to_string());
        Ok(Callbacks { callbacks: shown.iter().map(|endpoint| Callback::of(endpoint)).collect(), next_cursor })
    }
    .boxed()
}

pub(super) fn rotate(call: Call, asked: Rotate) -> BoxFuture<'static, Result<Rotated, Failure>> {
    async move {
        let seconds = asked.overlap_seconds.unwrap_or(OVERLAP);
        if seconds > MAX_OVERLAP {
            return Err(Failure::invalid("overlap_seconds", format!("must be at most {MAX_OVERLAP}")));
        }
        let overlap = Duration::from_secs(seconds.into());
        // The secret is handed over before it is stored: if the handover failed afterwards, nobody would have the new secret.
        let renewed = call.scoped().renewed_key(callback(&asked.callback_id)?, overlap).await?;
        let (id, handed) = (renewed.endpoint().id, call.hand_over(renewed.endpoint()).await?);
        let endpoint = match call.scoped().commit_key(renewed).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                call.tools.shared.handover.withdraw(id, &handed).await;
                return Err(error.into());
            }
        };
        let entries = endpoint.keys.entries();
        Ok(Rotated {
            key_fingerprint: entries.first().map(|entry| entry.key.id()).unwrap_or_default(),
            old_keys_retire_at: entries.get(1).and_then(|entry| entry.retires_at).map(|at| at.to_string()),
            secret: handed.into(),
        })
    }
    .boxed()
}

impl Call {
    pub(super) fn scoped(&self) -> crate::sender::Scoped<'_> {
        self.tools.shared.sender.scoped(&self.scope)
    }

    /// The callback that was registered with this URL before.
    async fn known_at(&self, target: &Target) -> Result<Option<Arc<Endpoint>>, EndpointError> {
        let known = self.tools.shared.sender.endpoints().of_tenant(&self.tenant).await?;
        Ok(known.into_iter().find(|endpoint| endpoint.target == *target))
    }

    async fn hand_over(&self, endpoint: &Endpoint) -> Result<Handed, Failure> {
        let handed = self.tools.shared.handover.hand_over(endpoint, Endpoints::secret(endpoint)).await;
        handed.map_err(|error| {
            tracing::warn!(%error, endpoint = %endpoint.id, "a secret was not handed over");
            Failure::tool("secret_not_handed_over", "the secret could not be handed over; try again later")
        })
    }

    /// As it is after its owner was asked, where that is demanded: the answer may be no, or none.
    async fn proven(&self, endpoint: Endpoint) -> Result<Endpoint, Failure> {
        match self.scoped().prove(endpoint.id).await {
            Ok(proven) => Ok(proven),
            Err(EndpointError::Unproven) => Ok(endpoint),
            Err(error) => Err(error.into()),
        }
    }
}
