//! Reads the events of a verified request as its scheme describes them.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;

use super::events::{BatchLayout, EventRef, Events, Identity, IdentityRule, Item, MAX_EVENTS, name};
use super::items::items;
use super::scheme::{Proof, Scheme};
use crate::signature::{Hash, Part, Place, Received, Trust, VerifyError, content};

impl Scheme {
    pub(super) fn events_by_data(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        match &self.batch {
            Some(batch) => match self.batched(batch, received, trust)? {
                Some(items) => Ok(Events::Batch(items)),
                None => self.single(received, trust),
            },
            None => self.single(received, trust),
        }
    }

    fn single(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let id = name(self.id, received, trust, "event id")?;
        if self.id_required && id.is_none() {
            return Err(VerifyError::Malformed("event id"));
        }
        Ok(Events::One(EventRef {
            event_type: name(self.event_type, received, trust, "event type")?,
            id_authenticated: self.id_authenticated,
            identity: self.identified(self.identity, &id, received, trust)?,
            identity_authenticated: self.covers_identity(self.id, self.identity, self.event_type),
            signed: self.signed_beside_the_body(received, trust)?,
            id,
        }))
    }

    /// Returns the events of a batch. Returns `None` if the body has no such array, so that the request is one event.
    fn batched(
        &self,
        batch: &BatchLayout,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Vec<Item>>, VerifyError> {
        let form = batch.field.map(|field| Place::Form(field).read(received, trust, "events")).transpose()?.flatten();
        let mut whole = form.map_or(Cow::Borrowed(received.body), |text| Cow::Owned(text.into_owned().into_bytes()));
        let ranges_of = |whole: &[u8]| items(whole, batch.items, MAX_EVENTS).map_err(|error| error.error("events"));
        let mut ranges = ranges_of(&whole)?;
        if ranges.is_none()
            && let Some(inside) = content::json_inside(received.body)
        {
            ranges = ranges_of(&inside)?;
            whole = Cow::Owned(inside.into_owned());
        }
        let Some(ranges) = ranges else { return Ok(None) };
        let is_decoded = matches!(whole, Cow::Owned(_));
        let mut items = Vec::with_capacity(ranges.len());
        let mut seen = HashMap::new();
        let common = name(self.event_type, received, trust, "event type")?;
        let identity_authenticated = self.covers_identity(batch.id, batch.identity, batch.event_type)
            && (common.is_none() || self.covers_all(self.event_type));
        for range in ranges {
            let body = whole.get(range.clone()).unwrap_or_default();
            let item = Received { body, ..*received };
            let id = name(batch.id, &item, trust, "event id")?;
            let identity = self.identified(batch.identity, &id, &item, trust)?;
            let event = EventRef {
                event_type: name(batch.event_type, &item, trust, "event type")?.or_else(|| common.clone()),
                id_authenticated: self.id_authenticated,
                identity: identity.of_equals(body, &mut seen),
                identity_authenticated,
                signed: None,
                id,
            };
            items.push(match is_decoded {
                true => Item::decoded(event, Bytes::copy_from_slice(body)),
                false => Item::part(event, range),
            });
        }
        Ok(Some(items))
    }
}

impl Identity {
    /// Two events with equal bytes in one request are two events. The second event gets a number, and gets the same number in a retry.
    fn of_equals<'b>(self, body: &'b [u8], seen: &mut HashMap<&'b [u8], usize>) -> Self {
        if self != Self::Body {
            return self;
        }
        let before = seen.entry(body).or_default();
        *before += 1;
        match *before {
            1 => Self::Body,
            number => Self::This(format!("{} {number}", hex::encode(Hash::Sha256.digest(body).as_bytes()))),
        }
    }
}

impl Scheme {
    fn identified(
        &self,
        by: IdentityRule,
        id: &Option<String>,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Identity, VerifyError> {
        let by_id = if self.id_authenticated || !self.covers_body() { Identity::Id } else { Identity::IdAndBody };
        Ok(match by {
            IdentityRule::First(all) => {
                for by in all {
                    let found = match by {
                        IdentityRule::ById => id.is_some(),
                        IdentityRule::By(place) | IdentityRule::ByBodyWith(place) => {
                            something(place, received, trust)?.is_some()
                        }
                        _ => true,
                    };
                    if found {
                        return self.identified(*by, id, received, trust);
                    }
                }
                Identity::Nothing
            }
            IdentityRule::ById => by_id,
            IdentityRule::By(place) => {
                something(&place, received, trust)?.map_or(by_id, |text| Identity::This(text.into_owned()))
            }
            IdentityRule::ByBodyWith(place) => something(&place, received, trust)?.map_or(by_id, |_| Identity::Body),
            IdentityRule::ByContent => Identity::Content,
            IdentityRule::ByBody => Identity::Body,
            IdentityRule::ByRequest => Identity::Request,
            IdentityRule::Never => Identity::Nothing,
        })
    }

    /// Whether the signature covers all parts of the identity.
    fn covers_identity(&self, id: &[Place], identity: IdentityRule, event_type: &[Place]) -> bool {
        let identity = match identity {
            IdentityRule::First(all) => all.iter().all(|by| self.covers_identity(id, *by, &[])),
            IdentityRule::ById => self.covers_all(id),
            IdentityRule::By(place) | IdentityRule::ByBodyWith(place) => self.covers(&place) && self.covers_all(id),
            IdentityRule::ByContent | IdentityRule::ByBody | IdentityRule::ByRequest | IdentityRule::Never => true,
        };
        identity && self.covers_all(event_type)
    }

    /// The texts that are signed, if the body is not signed.
    fn signed_beside_the_body(
        &self,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<String>, VerifyError> {
        let Proof::Signature(signature) = &self.proof else { return Ok(None) };
        if self.covers_body() || signature.signed.contains(&Part::SortedForm) {
            return Ok(None);
        }
        let mut texts = Vec::new();
        for part in signature.signed {
            if let Part::At(place) = part {
                texts.push(place.read(received, trust, "event")?.unwrap_or_default().into_owned());
            }
        }
        Ok((!texts.is_empty()).then(|| texts.join("\n")))
    }
}

/// Returns the text at this place. An empty text counts as absent, because otherwise all events with an empty text would be duplicates of
/// the first.
fn something<'a>(
    place: &Place,
    received: &Received<'a>,
    trust: &Trust<'a>,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    Ok(place.read(received, trust, "event")?.filter(|text| !text.is_empty()))
}
