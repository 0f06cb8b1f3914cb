//! Describes a scheme in a few words, from the data that verifies requests.

use std::borrow::Cow;

use super::events::IdentityRule;
use super::scheme::{Proof, Scheme};
use super::summary::Summary;
use crate::signature::stamp::StampAt;
use crate::signature::{Algorithm, Encoding, Grammar, Jwt, Part, Place, Signature, SignatureAt};

/// What a scheme does, as the table of the [guide](crate::guide::providers) shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// What proves a request, and where in the request it is.
    pub(super) proof: Cow<'static, str>,
    /// What the proof covers.
    pub(super) covers: Cow<'static, str>,
    /// What protects against a replay, in addition to dedup.
    pub(super) time: Cow<'static, str>,
    /// Where the event's id is, and whether it is covered.
    pub(super) id: Cow<'static, str>,
    /// What two requests for the same event have in common, in addition to the event type.
    pub(super) identity: Cow<'static, str>,
    /// How requests that are not events are answered.
    pub(super) handshake: Cow<'static, str>,
}

impl From<Summary> for About {
    fn from(summary: Summary) -> Self {
        Self {
            proof: summary.proof.into(),
            covers: summary.covers.into(),
            time: summary.time.into(),
            id: summary.id.into(),
            identity: summary.identity.into(),
            handshake: summary.handshake.into(),
        }
    }
}

impl Scheme {
    /// A description of the scheme in a few words for each fact: its row of the guide's [table](crate::guide::providers). The facts
    /// are named `proof`, `covers`, `time`, `id`, `identity` and `handshake`.
    ///
    /// ```
    /// use hookwire::provider::STRIPE;
    ///
    /// let facts = STRIPE.facts();
    /// assert!(facts.contains(&("covers", "time, body".into())));
    /// ```
    #[must_use]
    pub fn facts(&self) -> [(&'static str, Cow<'static, str>); 6] {
        let About { proof, covers, time, id, identity, handshake } = self.about();
        [
            ("proof", proof),
            ("covers", covers),
            ("time", time),
            ("id", id),
            ("identity", identity),
            ("handshake", handshake),
        ]
    }

    pub(super) fn about(&self) -> About {
        let (proof, covers, time) = match &self.proof {
            Proof::Signature(signature) => (signature.proof(), signature.covers(), self.time(signature)),
            Proof::Token(tokens) => {
                let places: Vec<_> = tokens.iter().map(|token| token.at.text()).collect();
                (format!("token in {}", places.join(" or ")), "nothing".to_owned(), "none".to_owned())
            }
            Proof::Jwt(jwt) => self.about_token(jwt),
            Proof::Code(_) => return self.summary.into(),
            Proof::Nothing => ("none".to_owned(), "nothing".to_owned(), "none".to_owned()),
        };
        let handshake = if self.handshakes.is_empty() { "" } else { "answered" };
        About {
            proof: proof.into(),
            covers: covers.into(),
            time: time.into(),
            id: self.id_text().into(),
            identity: self.identity_text().into(),
            handshake: handshake.into(),
        }
    }

    fn about_token(&self, jwt: &Jwt) -> (String, String, String) {
        let algorithms: Vec<_> = jwt.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        let places: Vec<_> = jwt.at.iter().map(|token| token.at.text()).collect();
        let covers: Vec<_> = jwt.claims.iter().flat_map(|claim| claim.is).filter_map(Part::name).collect();
        let covers = if covers.is_empty() { "nothing".to_owned() } else { covers.join(", ") };
        let time = match (jwt.dated, jwt.ends) {
            (true, _) => self.judged(),
            (false, true) => "the token's own".to_owned(),
            (false, false) => "none".to_owned(),
        };
        (format!("JWT {} in {}", algorithms.join("/"), places.join(" or ")), covers, time)
    }

    fn time(&self, signature: &Signature) -> String {
        if signature.stamp.at == StampAt::Nowhere { "none".to_owned() } else { self.judged() }
    }

    fn judged(&self) -> String {
        match self.window().as_secs() {
            None => "signed, not judged".to_owned(),
            Some((past, future)) if past == future => format!("signed, {past} s"),
            Some((past, future)) => format!("signed, {past} s old, {future} s ahead"),
        }
    }

    fn id_text(&self) -> String {
        let (places, each) = match &self.batch {
            Some(batch) => (batch.id, "each event's "),
            None => (self.id, ""),
        };
        let places: Vec<_> = places.iter().map(Place::text).collect();
        match (places.is_empty(), self.id_authenticated) {
            (true, _) => "none".to_owned(),
            (false, true) => format!("{each}{}", places.join(" or ")),
            (false, false) => format!("{each}{}, **not covered**", places.join(" or ")),
        }
    }

    fn identity_text(&self) -> String {
        let (identity, id) = self.batch.map_or((self.identity, self.id), |batch| (batch.identity, batch.id));
        self.identity_words(identity, !id.is_empty())
    }

    fn identity_words(&self, identity: IdentityRule, has_id: bool) -> String {
        match identity {
            IdentityRule::First(all) => {
                let words: Vec<_> = all.iter().map(|by| self.identity_words(*by, has_id)).collect();
                words.join("; else ")
            }
            IdentityRule::By(place) => place.text(),
            IdentityRule::ById if has_id && (self.id_authenticated || !self.covers_body()) => "the id".to_owned(),
            IdentityRule::ById if has_id => "the id and the body".to_owned(),
            IdentityRule::ById | IdentityRule::ByContent => self.content_words(),
            IdentityRule::ByBody => "the body".to_owned(),
            IdentityRule::ByBodyWith(place) => format!("the body, with {}", place.text()),
            IdentityRule::ByRequest => "the whole request".to_owned(),
            IdentityRule::Never => "nothing".to_owned(),
        }
    }

    fn content_words(&self) -> String {
        let timed = match &self.proof {
            Proof::Signature(signature) => signature.stamp.at != StampAt::Nowhere,
            Proof::Jwt(jwt) => jwt.dated,
            Proof::Token(_) | Proof::Code(_) | Proof::Nothing => false,
        };
        if timed { "the signed body and time".to_owned() } else { "nothing".to_owned() }
    }
}

impl Signature {
    fn proof(&self) -> String {
        let algorithm = match self.algorithm {
            Algorithm::Hmac(hash) => format!("HMAC {}", hash.name()),
            Algorithm::HmacNamed(hashes) => {
                let names: Vec<_> = hashes.iter().map(|hash| hash.name()).collect();
                format!("HMAC {}, as named", names.join("/"))
            }
            Algorithm::Digest(hash) => format!("{} of the secret and more", hash.name()),
            Algorithm::Ed25519 => "Ed25519".to_owned(),
            Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw => "ECDSA P-256".to_owned(),
            Algorithm::Rsa(hash) => format!("RSA {}", hash.name()),
            Algorithm::RsaPss => "RSA-PSS sha256".to_owned(),
        };
        let also = if self.grammar == Grammar::Versioned { " or Ed25519" } else { "" };
        let encoding = self.encoding.name();
        let at = match self.at {
            SignatureAt::Header([first, .., last]) => format!("`{first}` or `{last}`"),
            SignatureAt::Headers([first, .., last]) => format!("`{first}` to `{last}`"),
            SignatureAt::Header(names) | SignatureAt::Headers(names) => format!("`{}`", names.concat()),
            SignatureAt::Places(places) => places.iter().map(Place::text).collect::<Vec<_>>().join(" or "),
        };
        format!("{algorithm}{also}, {encoding}, in {at}")
    }

    fn covers(&self) -> String {
        self.signed.iter().filter_map(Part::name).collect::<Vec<_>>().join(", ")
    }
}

impl Part {
    /// A word for the part; `None` for a literal.
    fn name(&self) -> Option<String> {
        let all = |parts: &[Self]| {
            let names: Vec<_> = parts.iter().filter_map(Self::name).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        match self {
            Self::Id | Self::PlainId => Some("id".to_owned()),
            Self::Timestamp => Some("time".to_owned()),
            Self::Body => Some("body".to_owned()),
            Self::Method => Some("method".to_owned()),
            Self::Url(_) | Self::UrlDecoded(..) => Some("URL".to_owned()),
            Self::SortedForm => Some("form".to_owned()),
            Self::Path => Some("path".to_owned()),
            Self::Query | Self::SortedQuery => Some("query".to_owned()),
            Self::HashOf(.., parts) | Self::Optional(parts) => all(parts),
            Self::Lower(part) | Self::Upper(part) => part.name(),
            Self::At(place) => Some(place.text()),
            Self::Text(_) | Self::Secret => None,
        }
    }
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Header(name) => format!("`{name}`"),
            Self::HeaderOr(setting, default) => format!("`{default}` or the header named by `{setting}`"),
            Self::HeaderOf(setting) => format!("the header named by `{setting}`"),
            Self::Json(pointer) => format!("`{pointer}`"),
            Self::JsonMember { .. } => "the other member".to_owned(),
            Self::Form(name) | Self::FormJson { field: name, .. } => format!("form `{name}`"),
            Self::Query(name) => format!("`?{name}`"),
            Self::Named { at, .. } => at.text(),
            Self::Join { places, .. } => places.iter().map(Self::text).collect::<Vec<_>>().join(" + "),
            Self::Claim { pointer, .. } => format!("claim `{pointer}`"),
            Self::Setting(name) => format!("setting `{name}`"),
        }
    }
}

impl Encoding {
    /// Its name in configuration files and in the guide.
    const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::HexUpper => "hex-upper",
            Self::Base64 => "base64",
            Self::Base64Unpadded => "base64-unpadded",
            Self::Base64Url => "base64url",
            Self::Base64UrlPadded => "base64url-padded",
        }
    }
}
