//! Handshakes: requests that require an answer and contain no event.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::secret::Kind;
use crate::signature::compare::same;
use crate::signature::{Encoding, Hash, Place, Received, Trust, VerifyError};

/// The longest challenge that is sent back, in bytes.
const MAX_ECHO_BYTES: usize = 2_048;

/// The longest challenge that is answered with a MAC, in bytes.
const MAX_MAC_ECHO_BYTES: usize = 128;

/// A kind of request that requires an answer and contains no event: how to recognise it, and how to answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handshake {
    when: &'static [Condition],
    signed: bool,
    setup_only: bool,
    must_match: Option<(Place, &'static str)>,
    status: u16,
    headers: &'static [(&'static str, &'static [BodyPart])],
    content_type: Option<&'static str>,
    body: &'static [BodyPart],
    rejected: u16,
    capture: Option<Place>,
}

/// A condition that a request must meet to be a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The request has this method.
    Method(&'static str),
    /// The request has this path.
    Path(&'static str),
    /// There is a text at this place.
    Has(Place),
    /// There is no text at this place.
    Lacks(Place),
    /// There is this text at this place.
    Is(Place, &'static str),
}

/// A part of the body or of a header of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyPart {
    /// This text.
    Text(&'static str),
    /// The text at this place, unchanged.
    Echo(Place),
    /// The text at this place, as a JSON string with quotes.
    Json(Place),
    /// The MAC of the text at this place, under the newest key. The same key signs events, so a challenge must never be a text that an
    /// event signs. Therefore only challenges of 1 to 128 characters of `A-Z a-z 0-9 _ + / = . -` are answered. The scheme's events must
    /// sign a literal with another character ([`Part::Text`](crate::signature::Part::Text), such as Zoom's `v0:`) or a body that is a JSON
    /// object (X).
    Mac(Place, Encoding),
    /// The SHA-256 of every value of a setting, in hexadecimal digits, one on each line (Fastly).
    HashLines(&'static str),
}

impl Handshake {
    /// Creates a handshake that anybody may send: it is answered before anything is checked.
    pub(crate) const fn unsigned(when: &'static [Condition]) -> Self {
        Self {
            when,
            signed: false,
            setup_only: false,
            must_match: None,
            status: 200,
            headers: &[],
            content_type: None,
            body: &[],
            rejected: 403,
            capture: None,
        }
    }

    /// Creates a handshake that is answered only after its signature or token was checked.
    pub(crate) const fn signed(when: &'static [Condition]) -> Self {
        Self { signed: true, ..Self::unsigned(when) }
    }

    /// Rejects the handshake unless this place contains one of the values of this setting.
    pub(crate) const fn must_match(self, place: Place, setting: &'static str) -> Self {
        Self { must_match: Some((place, setting)), ..self }
    }

    /// Sets the status of the answer. Default: 200.
    pub(crate) const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Sets the status of a rejection. Default: 403.
    pub(crate) const fn rejected(self, status: u16) -> Self {
        Self { rejected: status, ..self }
    }

    /// Sets the body of the answer.
    pub(crate) const fn body(self, content_type: &'static str, body: &'static [BodyPart]) -> Self {
        Self { content_type: Some(content_type), body, ..self }
    }

    /// Sets the headers of the answer.
    pub(crate) const fn headers(self, headers: &'static [(&'static str, &'static [BodyPart])]) -> Self {
        Self { headers, ..self }
    }

    /// Captures the key that the provider hands over at this place. Such a request is answered only while the source is being set up,
    /// because at any other time it is an attack.
    pub(crate) const fn captures(self, key: Place) -> Self {
        Self { capture: Some(key), setup_only: true, ..self }
    }

    /// The conditions that a request must meet.
    pub(super) const fn conditions(&self) -> &'static [Condition] {
        self.when
    }

    /// Whether a request is answered only after its signature or token was checked.
    pub(super) const fn is_signed(&self) -> bool {
        self.signed
    }

    /// The settings that the handshake refers to.
    pub(super) fn settings(&self) -> impl Iterator<Item = &'static str> {
        self.must_match.iter().map(|(_, setting)| *setting)
    }

    /// The parts of the answer's body and headers.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'static BodyPart> {
        self.body.iter().chain(self.headers.iter().flat_map(|(_, pieces)| *pieces))
    }

    /// The statuses of the answer and of a rejection.
    pub(super) const fn statuses(&self) -> [u16; 2] {
        [self.status, self.rejected]
    }

    /// The method of the request, if it is not POST.
    pub(super) fn method(&self) -> Option<&'static str> {
        self.when.iter().find_map(|when| match when {
            Condition::Method(method) if *method != "POST" => Some(*method),
            _ => None,
        })
    }

    /// Whether the answer contains a MAC of a text from the request.
    pub(super) fn answers_with_mac(&self) -> bool {
        let headers = self.headers.iter().flat_map(|(_, pieces)| *pieces);
        self.body.iter().chain(headers).any(|piece| matches!(piece, BodyPart::Mac(..)))
    }

    /// Whether the conditions depend on the body of the request.
    pub(super) fn reads_body(&self) -> bool {
        self.when.iter().any(|when| match when {
            Condition::Method(_) | Condition::Path(_) => false,
            Condition::Has(place) | Condition::Lacks(place) | Condition::Is(place, _) => {
                !matches!(place, Place::Header(_) | Place::HeaderOf(_) | Place::Query(_) | Place::Setting(_))
            }
        })
    }

    /// Whether a request meets all conditions of this handshake.
    pub(super) fn is_met(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<bool, VerifyError> {
        for when in self.when {
            let met = match when {
                Condition::Method(method) => received.method.as_str() == *method,
                Condition::Path(path) => received.uri.path() == *path,
                Condition::Has(place) => place.read(received, trust, "handshake")?.is_some(),
                Condition::Lacks(place) => place.read(received, trust, "handshake")?.is_none(),
                Condition::Is(place, text) => place.read(received, trust, "handshake")?.as_deref() == Some(*text),
            };
            if !met {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The answer to a request that meets the conditions.
    pub(super) fn answer(&self, hash: Hash, received: &Received<'_>, trust: &Trust<'_>) -> Result<Reply, VerifyError> {
        let rejected = VerifyError::HandshakeRejected { status: self.rejected };
        if self.setup_only && !trust.accept_key {
            return Err(rejected);
        }
        if let Some((place, setting)) = self.must_match {
            let presented = place.read(received, trust, "handshake")?.ok_or(rejected)?;
            let allowed = trust.settings.all(setting).iter();
            if !allowed.fold(false, |good, text| good | same(text, &presented)) {
                return Err(rejected);
            }
        }
        let write = |pieces: &[BodyPart]| {
            pieces
                .iter()
                .try_fold(String::new(), |mut text, piece| piece.write(hash, received, trust, &mut text).map(|()| text))
        };
        let mut reply = Reply::new(self.status);
        reply.body = Bytes::from(write(self.body)?);
        for (name, pieces) in self.headers {
            reply.headers.push((name, write(pieces)?));
        }
        if let Some(content_type) = self.content_type {
            reply.headers.push(("content-type", content_type.to_owned()));
            reply.headers.push(("x-content-type-options", "nosniff".to_owned()));
        }
        if let Some(place) = self.capture {
            let key = place.read(received, trust, "handshake")?.ok_or(rejected)?;
            reply.capture = Some(Zeroizing::new(key.into_owned()));
        }
        Ok(reply)
    }
}

impl BodyPart {
    fn write(
        &self,
        hash: Hash,
        received: &Received<'_>,
        trust: &Trust<'_>,
        to: &mut String,
    ) -> Result<(), VerifyError> {
        match self {
            Self::Text(text) => to.push_str(text),
            Self::Echo(place) => to.push_str(&challenge(place, received, trust)?),
            Self::Json(place) => {
                let text = challenge(place, received, trust)?;
                to.push_str(&serde_json::Value::from(text.as_ref()).to_string());
            }
            Self::HashLines(setting) => {
                for value in trust.settings.all(setting) {
                    to.push_str(&hex::encode(Hash::Sha256.digest(value.as_bytes()).as_bytes()));
                    to.push('\n');
                }
            }
            Self::Mac(place, encoding) => to.push_str(&mac(place, *encoding, hash, received, trust)?),
        }
        Ok(())
    }
}

fn challenge<'a>(place: &Place, received: &Received<'a>, trust: &Trust<'a>) -> Result<Cow<'a, str>, VerifyError> {
    let text = place.read(received, trust, "handshake")?.ok_or(VerifyError::Malformed("handshake"))?;
    if text.len() > MAX_ECHO_BYTES { Err(VerifyError::Malformed("handshake")) } else { Ok(text) }
}

fn mac(
    place: &Place,
    encoding: Encoding,
    hash: Hash,
    received: &Received<'_>,
    trust: &Trust<'_>,
) -> Result<String, VerifyError> {
    let text = challenge(place, received, trust)?;
    if !(1..=MAX_MAC_ECHO_BYTES).contains(&text.len()) || !text.bytes().all(is_challenge_byte) {
        return Err(VerifyError::HandshakeRejected { status: 403 });
    }
    let key = trust.keys.live(trust.now).find_map(|key| match key.kind() {
        Kind::Hmac(key) => Some(key),
        _ => None,
    });
    let mut mac = hash.mac(key.ok_or(VerifyError::NoKey)?);
    mac.update(text.as_bytes());
    let mut encoded = Vec::with_capacity(64);
    encoding.encode(mac.finish().as_bytes(), &mut encoded);
    String::from_utf8(encoded).map_err(|_| VerifyError::Malformed("handshake"))
}

/// Whether a challenge that is answered with a MAC may contain this byte.
pub(super) const fn is_challenge_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'/' | b'=' | b'.' | b'-')
}

/// The answer to a handshake.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// The key that the provider handed over. Store it: the provider signs its next requests with it.
    pub capture: Option<Zeroizing<String>>,
    /// The URL to fetch through the egress guard in order to confirm (Amazon SNS).
    pub visit: Option<String>,
}

impl Reply {
    /// Creates a reply with this status, without headers and body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), capture: None, visit: None }
    }
}

/// Prints neither the body nor the key.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes, capture: {})", self.status, self.body.len(), self.capture.is_some())
    }
}
