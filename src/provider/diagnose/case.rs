//! A request whose check fails, and checks of variants of this request.

use std::cell::Cell;

use http::{HeaderMap, HeaderName, Uri};

use crate::provider::scheme::{Proof, Scheme};
use crate::provider::verify::Checked;
use crate::secret::Keyring;
use crate::signature::stamp::StampAt;
use crate::signature::{Place, Received, Settings, Signature, SignatureAt, Trust};

/// The cost of one check in addition to its body, in bytes.
const OVERHEAD: usize = 512;

/// Maximum number of headers that are read.
const MAX_HEADERS: usize = 24;

pub(super) struct Case<'a> {
    pub(super) scheme: &'a Scheme,
    pub(super) received: Received<'a>,
    pub(super) trust: Trust<'a>,
    pub(super) secrets: &'a [&'a str],
    pub(super) others: &'a [(&'a str, &'a Keyring)],
    /// How many bytes may still be hashed.
    pub(super) left: Cell<usize>,
}

/// The parts that are replaced to undo a change. A part that is `None` stays as it is.
#[derive(Clone, Copy, Default)]
pub(super) struct Try<'t> {
    pub(super) scheme: Option<&'t Scheme>,
    pub(super) uri: Option<&'t Uri>,
    pub(super) headers: Option<&'t HeaderMap>,
    pub(super) body: Option<&'t [u8]>,
    pub(super) keys: Option<&'t Keyring>,
    pub(super) settings: Option<&'t Settings>,
}

impl<'a> Case<'a> {
    /// Whether a body of this many bytes may still be hashed.
    pub(super) fn can_afford(&self, bytes: usize) -> bool {
        self.left.get() >= bytes.saturating_add(OVERHEAD)
    }

    /// Whether the request is valid with this change undone, whatever its time is. `false` if the budget is used up.
    pub(super) fn fits(&self, undone: Try<'_>) -> bool {
        let body = undone.body.unwrap_or(self.received.body);
        let Some(left) = self.left.get().checked_sub(body.len() + OVERHEAD) else { return false };
        self.left.set(left);
        let received = Received {
            method: self.received.method,
            uri: undone.uri.unwrap_or(self.received.uri),
            headers: undone.headers.unwrap_or(self.received.headers),
            body,
        };
        let trust = Trust {
            keys: undone.keys.unwrap_or(self.trust.keys),
            settings: undone.settings.unwrap_or(self.trust.settings),
            ..self.trust
        };
        matches!(undone.scheme.unwrap_or(self.scheme).verify(&received, &trust), Ok(Checked::Event { .. }))
    }

    pub(super) fn signature(&self) -> Option<Signature> {
        match &self.scheme.proof {
            Proof::Signature(signature) => Some(*signature.selected(&self.received)),
            _ => None,
        }
    }

    /// The headers that the scheme reads to check a request, as far as its data names them.
    pub(super) fn known_headers(&self) -> Vec<HeaderName> {
        let mut names: Vec<&str> = self.scheme.require.iter().map(|(name, _)| *name).collect();
        match &self.scheme.proof {
            Proof::Signature(signature) => headers_of(signature, &mut names),
            Proof::Token(tokens) => tokens.iter().for_each(|token| header_of(&token.at, &mut names)),
            Proof::Jwt(jwt) => jwt.at.iter().for_each(|token| header_of(&token.at, &mut names)),
            Proof::Code(_) | Proof::Nothing => {}
        }
        names.into_iter().filter_map(|name| HeaderName::try_from(name).ok()).collect()
    }

    /// The known headers, and the headers of the request that HTTP itself does not define. A scheme that is code may read any of
    /// them.
    pub(super) fn headers(&self) -> Vec<HeaderName> {
        let mut names = self.known_headers();
        for name in self.received.headers.keys().filter(|name| !is_of_http(name)).take(MAX_HEADERS) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// The value of a header. `None` if the header occurs twice or is not text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        let mut all = self.received.headers.get_all(name).iter();
        all.next().filter(|_| all.next().is_none())?.to_str().ok()
    }
}

fn is_of_http(name: &HeaderName) -> bool {
    const OTHERS: [&str; 7] = ["user-agent", "host", "connection", "date", "via", "traceparent", "cookie"];
    const PREFIXES: [&str; 4] = ["content-", "accept", "x-forwarded-", "cf-"];
    let name = name.as_str();
    OTHERS.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn headers_of(signature: &Signature, names: &mut Vec<&'static str>) {
    match signature.at {
        SignatureAt::Header(headers) | SignatureAt::Headers(headers) => names.extend(headers),
        SignatureAt::Places(places) => places.iter().for_each(|place| header_of(place, names)),
    }
    if let StampAt::Header(name) = signature.stamp.at {
        names.push(name);
    }
    names.extend(signature.id_header);
    for part in signature.signed {
        part.each(&mut |part| {
            if let crate::signature::Part::At(place) = part {
                header_of(place, names);
            }
        });
    }
    if let Some(other) = signature.otherwise {
        headers_of(other, names);
    }
}

fn header_of(place: &Place, names: &mut Vec<&'static str>) {
    if let Place::Header(name) | Place::HeaderOr(_, name) = place {
        names.push(name);
    }
}
