//! `CloudEvents`, webhooks.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::provider::cloud_event::{CloudEvent, Mode};
use crate::provider::items;
use crate::provider::{
    Challenge, Checked, EventRef, Events, FetchRequest, Identity, Item, MAX_EVENTS, Reply, Retries, Scheme, Setting,
    Summary, Verify,
};
use crate::signature::{Hash, Place, Received, Token, Trust, VerifyError, json};

const DOCS: &str = "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md";

const ORIGIN: Place = Place::Header("webhook-request-origin");
const RATE: Place = Place::Header("webhook-request-rate");
const SETTINGS: &[Setting] = &[
    Setting::optional("allowed_origins", "the origins that may send events, or `*`; see also Source::decide"),
    Setting::optional("allowed_rate", "how many requests per minute they may send; `*` by default").rate(),
];
static TOKEN: Scheme = Scheme::new("cloudevents", DOCS)
    .token(&[Token::bearer(), Token::plain(Place::Query("access_token"))])
    .optional_key();
static OVER_TOKEN: CloudEvents = CloudEvents { proof: &TOKEN };

/// The maximum length of an origin, in bytes.
const MAX_ORIGIN_BYTES: usize = 255;

/// `CloudEvents` 1.0 over HTTP: binary, structured or batched, with the secret as a bearer token or as `?access_token=`. **The token
/// covers nothing of the request.** If another scheme signs the events, use [`Scheme::cloud_events`]. An event is identified by its
/// source and id together, as the specification requires. Read an event with
/// [`CloudEvent::of_one`](crate::provider::cloud_event::CloudEvent::of_one) from the headers that are kept with it.
///
/// The OPTIONS handshake is answered for the origins in the setting `allowed_origins`, and for those that
/// [`Source::decide`](crate::receiver::Source::decide) accepts. For other origins, the response has no permission headers.
///
/// Source: <https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md>
pub static CLOUDEVENTS: Scheme = over(&TOKEN, &OVER_TOKEN, SETTINGS);

/// Reads `CloudEvents` from requests that another scheme verifies.
#[derive(Debug)]
struct CloudEvents {
    proof: &'static Scheme,
}

/// The other scheme decides the rest: how keys are read, which methods are used, how requests are answered.
const fn over(proof: &'static Scheme, code: &'static CloudEvents, settings: &'static [Setting]) -> Scheme {
    let scheme = Scheme { handshakes: &[], handshake_methods: &["OPTIONS"], ..*proof };
    scheme
        .code(code)
        .settings(settings)
        .keep_prefixed("ce-", &["content-type"])
        .retries(Retries::documented(DOCS))
        .summary(
            Summary::new(
                "token in `authorization` or `?access_token`, or that of another scheme",
                "nothing, or what the other scheme covers",
                "none",
                "source and id",
                "decided",
            )
            .identified_by("source and id"),
        )
}

impl Scheme {
    /// The same verification for requests whose events are `CloudEvents`. In binary mode the attributes are headers, which the scheme
    /// does not sign. Then an event is identified by the id that the scheme signs or, without a signed id, by source, id and body
    /// together. Do not trust type and source more than you trust the network. The content type, which selects the mode, is not
    /// signed either: a body that is itself a `CloudEvents` event, or a batch of events, is never read as the data of another event.
    ///
    /// Call this once for each source, at start: the returned scheme stays in memory until the program ends.
    ///
    /// ```
    /// use hookwire::provider::STANDARD;
    /// use hookwire::receiver::Source;
    ///
    /// let key = STANDARD.key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    /// let source = Source::new("shop", STANDARD.cloud_events(), key.into());
    /// assert_eq!(source.name(), "shop");
    /// # Ok::<(), hookwire::secret::KeyError>(())
    /// ```
    #[must_use]
    pub fn cloud_events(&'static self) -> &'static Self {
        let code: &'static CloudEvents = Box::leak(Box::new(CloudEvents { proof: self }));
        let settings: Vec<_> = SETTINGS.iter().chain(self.known_settings()).copied().collect();
        let keep: Vec<_> = self.keep.iter().copied().chain(["content-type"]).collect();
        let scheme =
            Self { covers_body: self.covers_body(), ..over(self, code, Box::leak(settings.into_boxed_slice())) };
        let scheme = Self {
            key_use: self.key_use(),
            unproved: !self.proves_origin(),
            ..scheme.keep_prefixed("ce-", Box::leak(keep.into_boxed_slice()))
        };
        let methods: Vec<_> =
            self.methods().filter(|name| !self.event_methods.contains(name)).chain(["OPTIONS"]).collect();
        Box::leak(Box::new(scheme.handshake_methods(Box::leak(methods.into_boxed_slice()))))
    }
}

impl CloudEvents {
    /// The identity that the scheme itself uses, if it signs the body and not the attributes.
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
            // Source and id are not signed. The identity includes the body, so that a forged id does not suppress a later event.
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

impl Verify for CloudEvents {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if received.method == http::Method::OPTIONS {
            return permission(received, trust);
        }
        self.proof.verify(received, trust)
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let mode = Mode::of(received.headers)?;
        let body = Bytes::copy_from_slice(received.body);
        let events = CloudEvent::read(received.headers, &body)?;
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
        let ranges = items::items(received.body, &[&[""]], MAX_EVENTS).ok().flatten().unwrap_or_default();
        let item = |(event, range): (Result<_, _>, _)| Ok(Item::part(event?, range));
        all.zip(ranges).map(item).collect::<Result<_, _>>().map(Events::Batch)
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        self.proof.fetch_request(received, trust)
    }
}

/// Whether a body is an event with all its attributes, or an array of such events.
fn is_structured(body: &[u8]) -> bool {
    let has = |pointer: &str| json::raw_at(body, pointer).is_ok_and(|found| found.is_some());
    has("/specversion") && has("/type") || has("/0/specversion") && has("/0/type")
}

/// No attribute contains a line end, so the text of this source and id differs from that of every other pair.
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

/// Whether this origin may send. With this check, the specification protects a receiver that did not request events from a flood of events.
fn permission(received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
    let origin = ORIGIN.read(received, trust, "handshake")?.ok_or(VerifyError::Missing("handshake"))?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:*[]".contains(&byte);
    if !(1..=MAX_ORIGIN_BYTES).contains(&origin.len()) || !origin.bytes().all(sound) {
        return Err(VerifyError::Malformed("handshake"));
    }
    let requested = RATE.read(received, trust, "handshake")?;
    let is_rate = |text: &str| text.parse::<NonZeroU64>().is_ok();
    if requested.as_deref().is_some_and(|rate| !is_rate(rate)) {
        return Err(VerifyError::Malformed("handshake"));
    }
    let mut confirmation = Reply::new(200);
    confirmation.headers.push(("allow", "POST".to_owned()));
    confirmation.headers.push(("webhook-allowed-origin", origin.clone().into_owned()));
    let rate = trust.settings.get("allowed_rate");
    if rate.is_some_and(|rate| rate != "*" && !is_rate(rate)) {
        return Err(VerifyError::MissingSetting("allowed_rate"));
    }
    if requested.is_some() || rate.is_some() {
        confirmation.headers.push(("webhook-allowed-rate", rate.unwrap_or("*").to_owned()));
    }
    let allowed = trust.settings.all("allowed_origins");
    if allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(&origin)) {
        return Ok(Checked::Handshake(confirmation));
    }
    let rate = requested.and_then(|text| text.parse().ok());
    Ok(Checked::Challenge(Challenge::new("origin".to_owned(), origin.into_owned(), rate, confirmation, 403)))
}
