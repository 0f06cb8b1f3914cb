//! What a proof covers: if this data is changed, the check fails.

use super::scheme::{Proof, Scheme};
use crate::signature::{Part, Place, Signature};

impl Scheme {
    /// Whether the proof covers what is found at each of these places.
    pub(super) fn covers_all(&self, places: &[Place]) -> bool {
        places.iter().all(|place| self.covers(place))
    }

    /// Whether the proof covers the value at a place. The values of a receiver's settings count as covered, because the sender
    /// cannot change them.
    pub(super) fn covers(&self, place: &Place) -> bool {
        match place {
            Place::Setting(_) => true,
            Place::Named { at, .. } => self.covers(at),
            Place::Join { places, .. } => self.covers_all(places),
            _ => match &self.proof {
                Proof::Signature(signature) => signature.covers_place(place),
                Proof::Jwt(jwt) => match place {
                    // Only the claims of a verified token are read here.
                    Place::Claim { .. } => true,
                    _ => covers(place, &jwt.claims.iter().flat_map(|claim| claim.is).collect::<Vec<_>>()),
                },
                Proof::Token(_) | Proof::Code(_) | Proof::Nothing => false,
            },
        }
    }
}

impl Signature {
    /// Every way to sign must cover the place, because a request can choose any of them.
    fn covers_place(&self, place: &Place) -> bool {
        let id = matches!(place, Place::Header(name) if self.id_header == Some(*name));
        let by = |parts: &'static [Part]| covers(place, &parts.iter().collect::<Vec<_>>());
        let here = id || by(self.signed) && self.or_signed.is_none_or(by);
        here && self.otherwise.is_none_or(|other| matches!(place, Place::Header(_)) || other.covers_place(place))
    }
}

fn covers(place: &Place, parts: &[&'static Part]) -> bool {
    let mut covered = false;
    for part in parts {
        part.each(&mut |part| covered |= part.covers(place));
    }
    covered
}

impl Part {
    fn covers(&self, place: &Place) -> bool {
        match self {
            Self::At(signed) => signed == place,
            Self::Body => {
                matches!(place, Place::Json(_) | Place::JsonMember { .. } | Place::Form(_) | Place::FormJson { .. })
            }
            Self::SortedForm => matches!(place, Place::Form(_) | Place::FormJson { .. }),
            Self::Url(_) | Self::UrlDecoded(..) | Self::Query | Self::SortedQuery => matches!(place, Place::Query(_)),
            _ => false,
        }
    }
}
