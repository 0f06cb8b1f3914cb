//! The tools that create, change and list endpoints.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::call::{Call, Counted};
use super::documents::{
    EndpointDocument, Endpoints, List, One, Register, Registered, Rotate, Rotated, SecretPlace, Unregistered, Update,
};
use super::failure::Failure;
use super::read::{self, endpoint_id, maybe, page};
use super::route::Spec;
use crate::endpoint::{Endpoint, Filter, NewEndpoint, Target};
use crate::sender::{EndpointChange, EndpointError};
use crate::store::StoreError;

/// The longest time that a replaced key still signs, in seconds: 30 days.
const MAX_OVERLAP: u32 = 30 * 86_400;

/// The default for that time: a day.
const OVERLAP: u32 = 86_400;

pub(super) const REGISTER: Spec = Spec {
    name: "webhook_register",
    title: "Register callback",
    description: "Register an https callback for events. Registering the same URL again changes its event types. The signing secret is \
        never shown here: the result names the place where a person finds it.",
    reads_only: false,
    destroys: false,
    repeats: true,
    reaches_out: true,
    counted: Some(Counted::Changes),
};

pub(super) const UPDATE: Spec = Spec {
    name: "webhook_update",
    title: "Change callback",
    description: "Change the URL or the event types of a callback, or disable and enable it. While it is disabled, its events are held.",
    ..REGISTER
};

pub(super) const UNREGISTER: Spec = Spec {
    name: "webhook_unregister",
    title: "Remove callback",
    description: "Remove a callback. Its pending deliveries are cancelled.",
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
    description: "Give a callback a new signing secret. The old and the new secret both sign for a while. The secret is never shown here: \
        the result names the place where a person finds it.",
    destroys: true,
    repeats: false,
    reaches_out: false,
    ..REGISTER
};

fn target(url: &str) -> Result<Target, Failure> {
    Target::parse(url).map_err(|error| Failure::invalid("url", error))
}

fn filter(patterns: &[String]) -> Result<Filter, Failure> {
    let patterns = patterns.iter().map(|text| text.parse()).collect::<Result<_, _>>();
    patterns.and_then(Filter::new).map_err(|error| Failure::invalid("event_types", error))
}

pub(super) fn register(call: Call, requested: Register) -> BoxFuture<'static, Result<Registered, Failure>> {
    async move {
        let mut new = NewEndpoint::at(target(&requested.url)?);
        let filter = requested.event_types.as_deref().map(filter).transpose()?;
        if let Some(known) = call.registered_at(&new.target).await? {
            let change = filter.map_or_else(EndpointChange::new, |filter| EndpointChange::new().filter(filter));
            let endpoint = call.scoped.update_read(&known, change).await?;
            return Ok(Registered { callback: EndpointDocument::of(&call.proven(endpoint).await?), secret: None });
        }
        if let Some(filter) = filter {
            new.filter = filter;
        }
        let endpoint = call.scoped.create(new).await?;
        let place = call.hand_over(&endpoint).await;
        if place.is_err() {
            // The caller has no secret, so it could not verify a request: the endpoint is removed.
            call.scoped.remove_read(&endpoint).await?;
        }
        let secret = Some(place?);
        Ok(Registered { callback: EndpointDocument::of(&call.proven(endpoint).await?), secret })
    }
    .boxed()
}

pub(super) fn update(call: Call, requested: Update) -> BoxFuture<'static, Result<EndpointDocument, Failure>> {
    async move {
        let mut change = EndpointChange::new();
        if let Some(url) = &requested.url {
            change = change.target(target(url)?);
        }
        if let Some(patterns) = &requested.event_types {
            change = change.filter(filter(patterns)?);
        }
        change = match requested.enabled {
            Some(true) => change.enabled(),
            Some(false) => change.disabled(),
            None => change,
        };
        let mut endpoint = Endpoint::clone(&*call.scoped.endpoint(endpoint_id(&requested.callback_id)?).await?);
        if requested.enabled == Some(true) {
            // If the owner has not agreed yet, the challenge is sent again.
            endpoint = call.proven(endpoint).await?;
        }
        let endpoint = call.scoped.update_read(&endpoint, change).await?;
        Ok(EndpointDocument::of(&call.proven(endpoint).await?))
    }
    .boxed()
}

pub(super) fn unregister(call: Call, requested: One) -> BoxFuture<'static, Result<Unregistered, Failure>> {
    async move {
        call.scoped.remove(endpoint_id(&requested.callback_id)?).await?;
        Ok(Unregistered { deleted: true })
    }
    .boxed()
}

pub(super) fn get(call: Call, requested: One) -> BoxFuture<'static, Result<EndpointDocument, Failure>> {
    async move { Ok(EndpointDocument::of(&*call.scoped.endpoint(endpoint_id(&requested.callback_id)?).await?)) }.boxed()
}

pub(super) fn list(call: Call, requested: List) -> BoxFuture<'static, Result<Endpoints, Failure>> {
    async move {
        let limit = page(requested.limit)?;
        let after = maybe("cursor", requested.cursor.as_deref())?;
        let found = call.scoped.endpoints(Some(&call.tenant), after, limit + 1).await?;
        let (shown, next_cursor) = read::cut(&found, limit, |last: &Arc<Endpoint>| last.id.to_string());
        Ok(Endpoints { callbacks: shown.iter().map(|endpoint| EndpointDocument::of(endpoint)).collect(), next_cursor })
    }
    .boxed()
}

pub(super) fn rotate(call: Call, requested: Rotate) -> BoxFuture<'static, Result<Rotated, Failure>> {
    async move {
        let seconds = requested.overlap_seconds.unwrap_or(OVERLAP);
        if seconds > MAX_OVERLAP {
            return Err(Failure::invalid("overlap_seconds", format!("must be at most {MAX_OVERLAP}")));
        }
        let overlap = Duration::from_secs(seconds.into());
        // The secret is handed over before its key is stored. In the other order, a failed handover would leave a key whose secret is
        // lost.
        let prepared = call.scoped.prepare_key(endpoint_id(&requested.callback_id)?, overlap).await?;
        let (id, place) = (prepared.endpoint().id, call.hand_over(prepared.endpoint()).await?);
        let endpoint = match call.scoped.store_key(prepared).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                call.handover.withdraw(id, &place.place).await;
                return Err(error.into());
            }
        };
        let entries = endpoint.keys.entries();
        Ok(Rotated {
            key_fingerprint: entries.first().map(|entry| entry.key.id()).unwrap_or_default(),
            old_keys_retire_at: entries.get(1).and_then(|entry| entry.retires_at).map(|at| at.to_string()),
            secret: place,
        })
    }
    .boxed()
}

impl Call {
    /// The endpoint that was registered with this URL before.
    async fn registered_at(&self, target: &Target) -> Result<Option<Arc<Endpoint>>, StoreError> {
        let all = self.scoped.endpoints_of(&self.tenant).await?;
        Ok(all.into_iter().find(|endpoint| endpoint.target == *target))
    }

    async fn hand_over(&self, endpoint: &Endpoint) -> Result<SecretPlace, Failure> {
        let place = self.handover.hand_over(endpoint, self.scoped.secret(endpoint)?).await;
        let place =
            place.map(|(place, expires_at)| SecretPlace { place, expires_at: expires_at.map(|at| at.to_string()) });
        place.map_err(|error| {
            tracing::warn!(%error, endpoint = %endpoint.id, "a secret was not handed over");
            Failure::tool("secret_not_handed_over", "the secret could not be handed over; try again later")
        })
    }

    /// Asks the owner to agree, if the sender requires that. Returns the endpoint after the answer; without agreement, it is
    /// unchanged.
    async fn proven(&self, endpoint: Endpoint) -> Result<Endpoint, Failure> {
        match self.scoped.prove_read(&endpoint, None).await {
            Ok(proven) => Ok(proven),
            Err(EndpointError::Unproven) => Ok(endpoint),
            Err(error) => Err(error.into()),
        }
    }
}
