//! A scheme in a few words, from the data that verifies.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::encoding::Encoding;
use super::events::Known;
use super::part::Part;
use super::place::Place;
use super::recipe::{Algorithm, Grammar, Signature, SignatureAt};
use super::scheme::{Proof, Scheme};
use super::stamp::StampAt;

/// What a scheme does, as the table of the [guide](crate::guide::providers) shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// By what a request is proved, and where that stands.
    pub proof: Cow<'static, str>,
    /// What the proof covers.
    pub covers: Cow<'static, str>,
    /// What stands against a replay, beside dedup.
    pub time: Cow<'static, str>,
    /// Where the event's id stands, and whether it is covered.
    pub id: Cow<'static, str>,
    /// Which requests are answered that are no events.
    pub handshake: Cow<'static, str>,
}

impl About {
    /// In constant words, for a scheme that is code.
    #[must_use]
    pub const fn new(
        proof: &'static str,
        covers: &'static str,
        time: &'static str,
        id: &'static str,
        handshake: &'static str,
    ) -> Self {
        Self {
            proof: Cow::Borrowed(proof),
            covers: Cow::Borrowed(covers),
            time: Cow::Borrowed(time),
            id: Cow::Borrowed(id),
            handshake: Cow::Borrowed(handshake),
        }
    }
}

impl Scheme {
    pub(super) fn about(&self) -> About {
        let (proof, covers, time) = match &self.proof {
            Proof::Signature(signature) => (signature.proof(), signature.covers(), self.time(signature)),
            Proof::Token(tokens) => {
                let places: Vec<_> = tokens.iter().map(|token| token.at.text()).collect();
                (format!("token in {}", places.join(" or ")), "nothing".to_owned(), "none".to_owned())
            }
            Proof::Nothing => ("none".to_owned(), "nothing".to_owned(), "none".to_owned()),
        };
        let handshake = if self.handshakes.is_empty() { "" } else { "answered" };
        About {
            proof: proof.into(),
            covers: covers.into(),
            time: time.into(),
            id: self.identity().into(),
            handshake: handshake.into(),
        }
    }

    fn time(&self, signature: &Signature) -> String {
        match (signature.stamp.at, self.tolerance.as_secs()) {
            (StampAt::Nowhere, _) => "none".to_owned(),
            (_, None) => "signed, not judged".to_owned(),
            (_, Some((past, future))) if past == future => format!("signed, {past} s"),
            (_, Some((past, future))) => format!("signed, {past} s old, {future} s ahead"),
        }
    }

    fn identity(&self) -> String {
        let (places, each) = match &self.batch {
            Some(batch) => (batch.id, "each event's "),
            None => (self.id, ""),
        };
        let places: Vec<_> = places.iter().map(Place::text).collect();
        let mut text = match (places.is_empty(), self.id_authenticated) {
            (true, _) => "none".to_owned(),
            (false, true) => format!("{each}{}", places.join(" or ")),
            (false, false) => format!("{each}{}, **not covered**", places.join(" or ")),
        };
        let known_by = self.batch.and_then(|batch| batch.known_by.map(Known::By)).unwrap_or(self.known_by);
        match known_by {
            Known::By(place) => {
                let _infallible = write!(text, "; known by {}", place.text());
            }
            Known::IdAndBody => text.push_str("; known by id and body"),
            Known::Nothing => text.push_str("; nothing is a repetition"),
            Known::Authentic => {}
        }
        text
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
            Algorithm::EcdsaP256 => "ECDSA P-256".to_owned(),
        };
        let also = if self.grammar == Grammar::Versioned { " or Ed25519" } else { "" };
        let encoding = match self.encoding {
            Encoding::Hex => "hex",
            Encoding::Base64 => "base64",
            Encoding::Base64Url => "base64url",
        };
        let at = match self.at {
            SignatureAt::Header([first, .., last]) => format!("`{first}` or `{last}`"),
            SignatureAt::Headers([first, .., last]) => format!("`{first}` to `{last}`"),
            SignatureAt::Header(names) | SignatureAt::Headers(names) => format!("`{}`", names.concat()),
            SignatureAt::Places(places) => places.iter().map(Place::text).collect::<Vec<_>>().join(" or "),
        };
        format!("{algorithm}{also}, {encoding}, in {at}")
    }

    fn covers(&self) -> String {
        let name = |part: &Part| match part {
            Part::Id | Part::PlainId => Some("id".to_owned()),
            Part::Timestamp => Some("time".to_owned()),
            Part::Body => Some("body".to_owned()),
            Part::Method => Some("method".to_owned()),
            Part::Url(_) | Part::UrlDecoded(..) => Some("URL".to_owned()),
            Part::SortedForm => Some("form".to_owned()),
            Part::At(place) => Some(place.text()),
            Part::Text(_) | Part::Secret => None,
        };
        self.signed.iter().filter_map(name).collect::<Vec<_>>().join(", ")
    }
}

impl Place {
    fn text(&self) -> String {
        match self {
            Self::Header(name) => format!("`{name}`"),
            Self::HeaderOf(setting) => format!("the header named by `{setting}`"),
            Self::Json(pointer) => format!("`{pointer}`"),
            Self::JsonMember { .. } => "the other member".to_owned(),
            Self::Form(name) | Self::FormJson { field: name, .. } => format!("form `{name}`"),
            Self::Query(name) => format!("`?{name}`"),
            Self::Named { at, .. } => at.text(),
            Self::Join { places, .. } => places.iter().map(Self::text).collect::<Vec<_>>().join(" + "),
            Self::Setting(name) => format!("setting `{name}`"),
        }
    }
}
