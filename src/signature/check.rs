//! What no scheme may be, in code or in configuration.

use http::HeaderName;

use super::config::SchemeError;
use super::part::Part;
use super::place::Place;
use super::recipe::{Algorithm, Grammar, KeyText, Signature, SignatureAt};
use super::scheme::{Proof, Scheme};
use super::stamp::StampAt;

impl Scheme {
    /// Whether it makes sense: what is signed is not nothing, what it refers to is there, headers are named in lower case,
    /// and nothing counts as signed that is not. A receiver asks this of every source when it is built.
    ///
    /// # Errors
    /// Names the field and says what is wrong with it.
    pub fn check(&self) -> Result<(), SchemeError> {
        for (name, _) in self.require {
            check_header("require", name)?;
        }
        for place in self.id.iter().chain(self.event_type) {
            check_place(place)?;
        }
        let Proof::Signature(signature) = &self.proof else { return Ok(()) };
        signature.make_sense()?;
        let covered = |place: &Place| match place {
            Place::Header(name) => signature.covers_header(name),
            _ => true,
        };
        if self.id_authenticated && !self.id.iter().all(covered) {
            return Err(SchemeError::new("id", "counts as signed, and stands in a header that is not"));
        }
        Ok(())
    }
}

impl Signature {
    fn make_sense(&self) -> Result<(), SchemeError> {
        let has = |part: Part| self.signed.contains(&part);
        let stamped = !matches!(self.stamp.at, StampAt::Nowhere);
        let in_body = matches!(self.stamp.at, StampAt::Place(_)) && has(Part::Body);
        let rules = [
            (self.signed.is_empty(), "signature.signed", "is empty"),
            (has(Part::Timestamp) && !stamped, "signature.signed", "has the time, and there is none"),
            (stamped && !in_body && !has(Part::Timestamp), "signature.time", "is not signed"),
            (
                (has(Part::Id) || has(Part::PlainId)) && self.id_header.is_none(),
                "signature.signed",
                "has the id, and there is no id_header",
            ),
            (
                has(Part::Secret) != matches!(self.algorithm, Algorithm::Digest(_)),
                "signature.signed",
                "has the secret exactly where the algorithm is a plain digest",
            ),
            (self.wants_public_key() != self.takes_public_key(), "signature.key", "does not fit the algorithm"),
            (
                matches!(self.stamp.at, StampAt::Field(_)) && !matches!(self.grammar, Grammar::Fields { .. }),
                "signature.time",
                "stands in a field, and there are none",
            ),
            (matches!(self.grammar, Grammar::Fields { signatures: [], .. }), "signature.fields", "are empty"),
        ];
        if let Some((_, field, problem)) = rules.into_iter().find(|(broken, ..)| *broken) {
            return Err(SchemeError::new(field, problem));
        }
        self.check_places()
    }

    fn check_places(&self) -> Result<(), SchemeError> {
        let none = || SchemeError::new("signature.headers", "are none");
        match self.at {
            SignatureAt::Header([]) | SignatureAt::Headers([]) | SignatureAt::Places([]) => return Err(none()),
            SignatureAt::Headers(names) if names.len() > 16 => {
                return Err(SchemeError::new("signature.headers", "are more than 16"));
            }
            SignatureAt::Header(names) | SignatureAt::Headers(names) => {
                names.iter().try_for_each(|name| check_header("signature.headers", name))?;
            }
            SignatureAt::Places(places) => places.iter().try_for_each(check_place)?,
        }
        if let StampAt::Header(name) = self.stamp.at {
            check_header("signature.time", name)?;
        }
        self.id_header.map_or(Ok(()), |name| check_header("signature.id_header", name))
    }

    const fn wants_public_key(&self) -> bool {
        matches!(self.algorithm, Algorithm::Ed25519 | Algorithm::EcdsaP256)
    }

    const fn takes_public_key(&self) -> bool {
        matches!(self.key, KeyText::Ed25519Hex | KeyText::P256Spki)
    }

    fn covers_header(&self, name: &str) -> bool {
        let here = self.id_header == Some(name) || self.signs(name);
        here || self.otherwise.is_some_and(|other| other.covers_header(name))
    }

    fn signs(&self, name: &str) -> bool {
        self.signed.iter().any(|part| matches!(part, Part::At(Place::Header(header)) if *header == name))
    }
}

fn check_header(field: &'static str, name: &str) -> Result<(), SchemeError> {
    let sound = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|header| header.as_str() == name);
    if sound { Ok(()) } else { Err(SchemeError::new(field, format!("`{name}` is no header name in lower case"))) }
}

fn check_place(place: &Place) -> Result<(), SchemeError> {
    match place {
        Place::Header(name) => check_header("place", name),
        Place::Join { places, .. } => places.iter().try_for_each(check_place),
        _ => Ok(()),
    }
}
