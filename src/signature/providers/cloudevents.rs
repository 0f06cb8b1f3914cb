//! `CloudEvents`, webhooks.

use std::borrow::Cow;
use std::num::NonZeroU64;

use bytes::Bytes;

use crate::secret::{Key, KeyError};
use crate::signature::cloud_event::{CloudEvent, CloudEventError, Mode};
use crate::signature::{
    About, Checked, Conduct, EventRef, Events, Hash, Identity, Item, ItemBytes, KeyUse, MAX_EVENTS, Need, Place,
    Question, Received, Reply, Retries, Scheme, Setting, Token, Trust, Verify, VerifyError, json,
};

pub(super) const DOCS: &str = "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md";

const ORIGIN: Place = Place::Header("webhook-request-origin");
const RATE: Place = Place::Header("webhook-request-rate");
const SETTINGS: &[Setting] = &[
    Setting::optional("allowed_origins", "the origins that may send, or `*`; see also Source::decide"),
    Setting::optional("allowed_rate", "how many requests a minute they may make; `*` by default").rate(),
];
static TOKEN: Scheme =
    Scheme::new("cloudevents", DOCS).token(&[Token::bearer(), Token::plain(Place::Query("access_token"))]);

/// Longest origin, in bytes.
const MAX_ORIGIN_BYTES: usize = 255;

/// `CloudEvents` 1.0 by HTTP: binary, structured or batched, with the secret as a bearer token or `?access_token=`. **Nothing is
/// covered** by that; where events are signed by another scheme, use [`CloudEvents::over`]. An event is identified by its source
/// and id together, as the specification says. Read it with
/// [`CloudEvent::of_one`](crate::signature::cloud_event::CloudEvent::of_one) of the headers that are kept with it.
///
/// The OPTIONS handshake is answered for the origins in the setting `allowed_origins`, and for those that
/// [`Source::decide`](crate::receiver::Source::decide) says yes to; without the headers of permission otherwise.
///
/// Source: <https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md>
pub static CLOUDEVENTS: CloudEvents<&'static Scheme> =
    CloudEvents { proof: &TOKEN, settings: Cow::Borrowed(SETTINGS), key_use: KeyUse::Optional };

/// `CloudEvents` whose proof is another scheme's.
#[derive(Clone, Debug)]
pub struct CloudEvents<V> {
    proof: V,
    settings: Cow<'static, [Setting]>,
    key_use: KeyUse,
}

impl<V: Verify> CloudEvents<V> {
    /// Events whose requests are proved by another scheme: `CloudEvents::over(&STANDARD)`. In binary mode the attributes
    /// are headers, which that scheme does not sign. Then an event is identified by the id that the scheme signs; where it signs none, by
    /// source, id and body together. Type and source are not to be trusted more than the network is. The content type, which
    /// chooses the mode, is not signed either: a body that is a `CloudEvents` event itself, or a batch, is never taken for the data of
    /// another event.
    #[must_use]
    pub fn over(proof: V) -> Self {
        let settings = SETTINGS.iter().chain(proof.settings()).copied().collect();
        Self { settings, key_use: proof.key_use(), proof }
    }

    /// What the scheme itself knows a repetition by, where it signs the body and not the attributes.
    fn identity_of_proof(
        &self,
        event: &EventRef,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Identity, VerifyError> {
        Ok(match self.proof.events(received, trust)? {
            Events::One(EventRef { id: Some(id), id_authenticated: true, identity: Identity::Id, .. }) => {
                Identity::This(id)
            }
            Events::One(EventRef { identity: Identity::Body, .. }) => Identity::Body,
            // Source and id are not signed. With the body beside them, nobody can take the place of a later event.
            Events::One(_) | Events::Batch(_) => match &event.identity {
                Identity::This(name) => {
                    let body = hex::encode(Hash::Sha256.digest(received.body).as_bytes());
                    Identity::This(format!("{name}\n{body}"))
                }
                _ => Identity::IdAndBody,
            },
        })
    }
}

impl<V: Verify> Verify for CloudEvents<V> {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if received.method == http::Method::OPTIONS {
            return permission(received, trust);
        }
        self.proof.verify(received, trust)
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let mode = Mode::of(received.headers).map_err(refused)?;
        let body = Bytes::copy_from_slice(received.body);
        let events = CloudEvent::read(received.headers, &body).map_err(refused)?;
        if mode == Some(Mode::Binary) && self.proof.covers_body() && is_structured(received.body) {
            return Err(VerifyError::Malformed("CloudEvents"));
        }
        let covered = mode != Some(Mode::Binary) && self.proof.covers_body();
        let mut all = events.into_iter().map(|event| named(event, covered).checked());
        if mode != Some(Mode::Batch) {
            let mut event = all.next().ok_or(VerifyError::Malformed("CloudEvents"))??;
            if self.proof.covers_body() && !covered {
                event.identity = self.identity_of_proof(&event, received, trust)?;
            }
            return Ok(Events::One(event));
        }
        let ranges = json::items(received.body, &[&[""]], MAX_EVENTS).ok().flatten().unwrap_or_default();
        let item = |(event, range): (Result<_, _>, _)| Ok(Item { event: event?, bytes: ItemBytes::Part(range) });
        all.zip(ranges).map(item).collect::<Result<_, _>>().map(Events::Batch)
    }

    fn needs(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<Need>, VerifyError> {
        self.proof.needs(received, trust)
    }

    fn retries(&self) -> Retries {
        Retries::documented(DOCS)
    }

    fn about(&self) -> About {
        About::new(
            "token in `authorization` or `?access_token`, or another scheme",
            "nothing, or what that covers",
            "none",
            "source and id",
            "decided",
        )
        .identified_by("source and id")
    }

    fn read_key(&self, secret: &str) -> Result<Key, KeyError> {
        self.proof.read_key(secret)
    }

    fn key_use(&self) -> KeyUse {
        self.key_use
    }

    fn settings(&self) -> &[Setting] {
        &self.settings
    }

    fn methods(&self) -> Vec<&'static str> {
        let mut methods = self.proof.methods();
        methods.push("OPTIONS");
        methods
    }

    fn event_methods(&self) -> &'static [&'static str] {
        self.proof.event_methods()
    }

    fn keeps(&self, header: &str) -> bool {
        header.starts_with("ce-") || header == "content-type" || self.proof.keeps(header)
    }

    fn conduct(&self) -> Conduct {
        self.proof.conduct()
    }

    fn covers_body(&self) -> bool {
        self.proof.covers_body()
    }

    fn proves_origin(&self) -> bool {
        self.proof.proves_origin()
    }
}

/// Whether a body is an event with all its attributes, or an array of such.
fn is_structured(body: &[u8]) -> bool {
    let has = |pointer: &str| json::raw_at(body, pointer).is_ok_and(|found| found.is_some());
    has("/specversion") && has("/type") || has("/0/specversion") && has("/0/type")
}

fn refused(error: CloudEventError) -> VerifyError {
    match error {
        CloudEventError::Format => VerifyError::UnsupportedFormat,
        CloudEventError::TooMany => VerifyError::TooManyEvents(MAX_EVENTS),
        _ => VerifyError::Malformed("CloudEvents"),
    }
}

/// No attribute holds a line end, so no other pair of source and id is written so.
fn named(event: CloudEvent, covered: bool) -> EventRef {
    EventRef {
        identity: Identity::This(format!("{}\n{}", event.source, event.id)),
        id: Some(event.id),
        event_type: Some(event.event_type),
        id_authenticated: covered,
        identity_authenticated: covered,
        signed: None,
    }
}

/// May this origin send? The specification's protection against being made to flood others.
fn permission(received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
    let origin = ORIGIN.read(received, trust, "handshake")?.ok_or(VerifyError::Missing("handshake"))?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:*[]".contains(&byte);
    if !(1..=MAX_ORIGIN_BYTES).contains(&origin.len()) || !origin.bytes().all(sound) {
        return Err(VerifyError::Malformed("handshake"));
    }
    let asked = RATE.read(received, trust, "handshake")?;
    let is_rate = |text: &str| text.parse::<NonZeroU64>().is_ok();
    if asked.as_deref().is_some_and(|rate| !is_rate(rate)) {
        return Err(VerifyError::Malformed("handshake"));
    }
    let mut yes = Reply::new(200);
    yes.headers.push(("allow", "POST".to_owned()));
    yes.headers.push(("webhook-allowed-origin", origin.clone().into_owned()));
    let rate = trust.settings.get("allowed_rate");
    if rate.is_some_and(|rate| rate != "*" && !is_rate(rate)) {
        return Err(VerifyError::MissingSetting("allowed_rate"));
    }
    if asked.is_some() || rate.is_some() {
        yes.headers.push(("webhook-allowed-rate", rate.unwrap_or("*").to_owned()));
    }
    let allowed = trust.settings.all("allowed_origins");
    if allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(&origin)) {
        return Ok(Checked::Handshake(yes));
    }
    let rate = asked.and_then(|text| text.parse().ok());
    Ok(Checked::Question(Question::new("origin".to_owned(), origin.into_owned(), rate, yes, 403)))
}
