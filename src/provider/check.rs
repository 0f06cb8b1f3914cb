//! The rules that every scheme must obey, in code or in configuration.

use http::{HeaderName, Method};

use super::handshake::{BodyPart, Condition, Handshake, is_challenge_byte};
use super::scheme::{Proof, Scheme};
use crate::field::FieldError;
use crate::signature::stamp::StampAt;
use crate::signature::{Algorithm, Grammar, Jwt, KeyText, Part, Place, Signature, SignatureAt};

impl Scheme {
    /// Checks that the scheme is consistent: it signs something, everything that it refers to exists, headers are named in lower
    /// case, settings are declared, and only signed values count as signed. A receiver checks every source in this way when it is
    /// built.
    ///
    /// # Errors
    /// Returns an error that names the field and the problem.
    pub fn check(&self) -> Result<(), FieldError> {
        for (name, _) in self.require {
            check_header("require", name)?;
        }
        self.keep.iter().try_for_each(|name| check_header("keep", name))?;
        self.response_rules.echoes.iter().try_for_each(|name| check_header("echoes", name))?;
        for method in self.event_methods {
            check_method("event_methods", method)?;
        }
        self.check_places("id", self.id)?;
        self.check_places("event_type", self.event_type)?;
        for handshake in self.handshakes {
            self.check_handshake(handshake)?;
        }
        self.check_answers()?;
        self.check_batch()?;
        match &self.proof {
            Proof::Nothing | Proof::Code(_) => Ok(()),
            Proof::Token(tokens) => tokens.iter().try_for_each(|token| self.check_place("token", &token.at)),
            Proof::Jwt(jwt) => self.check_token(jwt),
            Proof::Signature(signature) => {
                self.check_signature_of(signature)?;
                self.check_challenges(signature)?;
                self.check_id(signature)
            }
        }
    }

    fn check_id(&self, signature: &Signature) -> Result<(), FieldError> {
        let covered = |place: &Place| match place {
            Place::Header(name) => signature.covers_header(name),
            _ => true,
        };
        if self.id_authenticated && !self.id.iter().all(covered) {
            return Err(FieldError::new(
                "id",
                "is marked as signed (`id_signed`), but the signature does not cover its header: sign the header, or leave out `id_signed`",
            ));
        }
        Ok(())
    }

    fn check_signature_of(&self, signature: &Signature) -> Result<(), FieldError> {
        signature.make_sense()?;
        for part in signature.signed {
            self.check_part("signature.signed", part)?;
        }
        for part in signature.or_signed.unwrap_or_default() {
            self.check_part("signature.or_signed", part)?;
        }
        if let SignatureAt::Places(places) = signature.at {
            self.check_places("signature.headers", places)?;
        }
        if let StampAt::Place(place) = &signature.stamp.at {
            self.check_place("signature.time", place)?;
        }
        signature.otherwise.map_or(Ok(()), |other| self.check_signature_of(other))
    }

    fn check_token(&self, jwt: &Jwt) -> Result<(), FieldError> {
        let symmetric = jwt.algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        let mixed = symmetric != 0 && symmetric != jwt.algorithms.len();
        let fits = |algorithm| jwt.key.is_public_for(algorithm);
        let public = [Algorithm::Ed25519, Algorithm::EcdsaP256, Algorithm::RsaPss].into_iter().any(fits);
        let rules = [
            (jwt.at.is_empty(), "jwt.at", "is empty: name the header, query parameter or field that has the token"),
            (jwt.algorithms.is_empty(), "jwt.algorithms", "is empty: name those that the provider uses"),
            (mixed, "jwt.algorithms", "mixes secret and public keys: allow one kind"),
            (
                jwt.key_set.is_none() && public == (symmetric != 0),
                "jwt.key",
                "does not fit the algorithms: use a text, base64 or hex key for HS…, and rsa, p256 or ed25519 for the others",
            ),
            (
                jwt.audience.is_some_and(|setting| !self.knows(setting)),
                "jwt.audience",
                "names a setting that the scheme does not declare: add it to `settings`",
            ),
        ];
        if let Some((_, field, problem)) = rules.into_iter().find(|(broken, ..)| *broken) {
            return Err(FieldError::new(field, problem));
        }
        for token in jwt.at {
            self.check_place("jwt.at", &token.at)?;
        }
        if self.signs_challenges() {
            let problem =
                "answer with a MAC by the key that signs tokens, and a challenge could be a token: remove them";
            return Err(FieldError::new("handshakes", problem));
        }
        for claim in jwt.claims {
            if !claim.at.starts_with('/') || claim.is.is_empty() {
                let problem =
                    format!("`{}`: needs a JSON Pointer such as /sha256, and the value that it must have", claim.at);
                return Err(FieldError::new("jwt.claims", problem));
            }
            claim.is.iter().try_for_each(|part| self.check_part("jwt.claims", part))?;
        }
        Ok(())
    }

    fn check_part(&self, field: &'static str, part: &Part) -> Result<(), FieldError> {
        let mut verdict = Ok(());
        part.each(&mut |part| {
            let this = match part {
                Part::At(place) => self.check_place(field, place),
                Part::Url(setting) | Part::UrlDecoded(setting, _) => self.check_setting(field, setting),
                _ => Ok(()),
            };
            if verdict.is_ok() {
                verdict = this;
            }
        });
        verdict
    }

    fn check_handshake(&self, handshake: &Handshake) -> Result<(), FieldError> {
        const FIELD: &str = "handshakes";
        for when in handshake.conditions() {
            match when {
                Condition::Method(method) => check_method(FIELD, method)?,
                Condition::Path(path) if !path.starts_with('/') => {
                    return Err(FieldError::new(FIELD, format!("`{path}` is not a path: begin it with /")));
                }
                Condition::Path(_) => {}
                Condition::Has(place) | Condition::Lacks(place) | Condition::Is(place, _) => {
                    self.check_place(FIELD, place)?;
                }
            }
        }
        if handshake.conditions().is_empty() {
            return Err(FieldError::new(
                FIELD,
                "has a handshake without a condition, which would match every request: add a condition",
            ));
        }
        for setting in handshake.settings() {
            self.check_setting(FIELD, setting)?;
        }
        for piece in handshake.pieces() {
            match piece {
                BodyPart::Echo(place) | BodyPart::Json(place) | BodyPart::Mac(place, _) => {
                    self.check_place(FIELD, place)?;
                }
                BodyPart::HashLines(setting) => self.check_setting(FIELD, setting)?,
                BodyPart::Text(_) => {}
            }
        }
        handshake.statuses().into_iter().try_for_each(|status| check_status(FIELD, status))
    }

    fn check_answers(&self) -> Result<(), FieldError> {
        let answers = [("accepted", self.response_rules.accepted), ("rejected", self.response_rules.rejected)];
        answers
            .into_iter()
            .filter_map(|(field, fixed)| Some((field, fixed?)))
            .try_for_each(|(field, fixed)| check_status(field, fixed.status))
    }

    fn check_batch(&self) -> Result<(), FieldError> {
        let Some(batch) = &self.batch else { return Ok(()) };
        let pointers = batch.items.iter().copied().flatten();
        let wrong = pointers.copied().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'));
        if let Some(pointer) = wrong {
            let problem = format!("`{pointer}` is not a JSON Pointer: leave it empty, or begin it with /");
            return Err(FieldError::new("batch.items", problem));
        }
        if batch.items.is_empty() {
            return Err(FieldError::new("batch.items", "is empty: name the place of the array of events"));
        }
        self.check_places("batch.id", batch.id)?;
        self.check_places("batch.event_type", batch.event_type)
    }

    fn check_places(&self, field: &'static str, places: &[Place]) -> Result<(), FieldError> {
        places.iter().try_for_each(|place| self.check_place(field, place))
    }

    fn check_place(&self, field: &'static str, place: &Place) -> Result<(), FieldError> {
        match place {
            Place::Header(name) => check_header(field, name),
            Place::Join { places, .. } => self.check_places(field, places),
            Place::Named { at, .. } | Place::Claim { token: at, .. } => self.check_place(field, at),
            Place::HeaderOf(setting) | Place::HeaderOr(setting, _) | Place::Setting(setting) => {
                self.check_setting(field, setting)
            }
            Place::Json(pointer) | Place::FormJson { pointer, .. }
                if !pointer.is_empty() && !pointer.starts_with('/') =>
            {
                let problem = format!("`{pointer}` is not a JSON Pointer: leave it empty, or begin it with /");
                Err(FieldError::new(field, problem))
            }
            _ => Ok(()),
        }
    }

    fn knows(&self, setting: &str) -> bool {
        self.settings.iter().any(|known| known.name == setting)
    }

    fn check_setting(&self, field: &'static str, setting: &str) -> Result<(), FieldError> {
        if self.knows(setting) {
            return Ok(());
        }
        let problem =
            format!("refers to the setting `{setting}`, which the scheme does not declare: add it to `settings`");
        Err(FieldError::new(field, problem))
    }
}

impl Scheme {
    /// A challenge that is answered with a MAC must not be a text that an event signs. Otherwise anyone who can request the MAC
    /// could forge events.
    fn check_challenges(&self, signature: &Signature) -> Result<(), FieldError> {
        let can_tell = |signature: &Signature| {
            signature.excludes_challenges() || signature.always_signs(|part| *part == Part::Body)
        };
        let all_can = can_tell(signature) && signature.otherwise.is_none_or(can_tell);
        if self.signs_challenges() && !all_can {
            let problem = "answer with a MAC that could also be the signature of an event: sign the body, which must then be a JSON object";
            return Err(FieldError::new("handshakes", problem));
        }
        Ok(())
    }
}

impl Signature {
    /// Whether a signed literal has a character that no challenge has. Then the answer to a challenge is never the signature of an
    /// event.
    pub(crate) fn excludes_challenges(&self) -> bool {
        let has_other = |text: &str| text.bytes().any(|byte| !is_challenge_byte(byte));
        self.always_signs(|part| matches!(part, Part::Text(text) if has_other(text)))
    }

    /// Whether each set of parts that may be signed contains a wanted part.
    pub(crate) fn always_signs(&self, wanted: impl Fn(&Part) -> bool) -> bool {
        std::iter::once(self.signed).chain(self.or_signed).all(|signed| signed.iter().any(&wanted))
    }

    fn make_sense(&self) -> Result<(), FieldError> {
        let has = |part: Part| self.signed.contains(&part);
        let stamped = self.stamp.at != StampAt::Nowhere;
        let in_body = matches!(self.stamp.at, StampAt::Place(_)) && self.signed.iter().any(Part::is_body);
        let has_fields = matches!(self.grammar, Grammar::Fields { .. } | Grammar::Groups { .. });
        let rules = [
            (self.signed.is_empty(), "signature.signed", "is empty: name the parts that are signed, such as the body"),
            (
                has(Part::Timestamp) && !stamped,
                "signature.signed",
                "has the time, but the scheme has none: name its place in `time`",
            ),
            (
                stamped && !in_body && !self.covers_time(),
                "signature.time",
                "is not signed: add it to `signed`, or remove it",
            ),
            (
                (has(Part::Id) || has(Part::PlainId)) && self.id_header.is_none(),
                "signature.signed",
                "has the id, but there is no `id_header`: name the header of the id",
            ),
            (
                has(Part::Secret) != matches!(self.algorithm, Algorithm::Digest(_)),
                "signature.signed",
                "must have the secret if the algorithm is a plain digest, and must not have it otherwise",
            ),
            (
                self.key_set.is_none() && !self.key.is_public_for(self.algorithm),
                "signature.key",
                "does not fit the algorithm: choose a key format of this algorithm",
            ),
            (
                self.key_set.is_some() && !self.algorithm.is_public(),
                "signature.key_set",
                "has public keys, but the algorithm uses a secret: remove it, or choose an algorithm with public keys",
            ),
            (
                matches!(self.stamp.at, StampAt::Field(_)) && !has_fields,
                "signature.time",
                "is in a field, but the signature has no fields: name them in `fields`",
            ),
            (
                self.stamp.at == StampAt::First && !matches!(self.grammar, Grammar::List { .. }),
                "signature.time",
                "is the first item of a list, but the signature is not in a list: describe the list",
            ),
            (
                matches!(self.algorithm, Algorithm::Rsa(hash) if hash.rsa().is_none()),
                "signature.algorithm",
                "is RSA with a broken hash: use SHA-256 or longer",
            ),
        ];
        if let Some((_, field, problem)) = rules.into_iter().find(|(broken, ..)| *broken) {
            return Err(FieldError::new(field, problem));
        }
        self.check_grammar()?;
        self.check_headers()
    }

    fn check_grammar(&self) -> Result<(), FieldError> {
        let wrong = |field, problem: String| Err(FieldError::new(field, problem));
        let (separators, names): (&[u8], &[&str]) = match &self.grammar {
            Grammar::Fields { separator, signatures } => (&[*separator], signatures),
            Grammar::Groups { between, separator, signatures } => (&[*between, *separator], signatures),
            Grammar::List { separator } => return check_separator(*separator),
            Grammar::Plain { .. } | Grammar::Versioned => return Ok(()),
        };
        separators.iter().try_for_each(|separator| check_separator(*separator))?;
        if names.is_empty() {
            return wrong("signature.fields", "is empty: name the field that has the signature".to_owned());
        }
        let stamp = match self.stamp.at {
            StampAt::Field(name) => Some(name),
            _ => None,
        };
        for name in names.iter().copied().chain(stamp) {
            let strange = |byte: u8| byte == b'=' || byte.is_ascii_whitespace() || separators.contains(&byte);
            if name.is_empty() || name.bytes().any(strange) {
                let problem = format!(
                    "`{name}` is not the name of a field: write the name alone, and the text between fields in `separator`"
                );
                return wrong("signature.fields", problem);
            }
        }
        if stamp.is_some_and(|stamp| names.contains(&stamp)) {
            return wrong("signature.time", "is in the field of the signature: name two different fields".to_owned());
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<(), FieldError> {
        let none = || FieldError::new("signature.headers", "is empty: name the header that has the signature");
        match self.at {
            SignatureAt::Header([]) | SignatureAt::Headers([]) | SignatureAt::Places([]) => return Err(none()),
            SignatureAt::Headers(names) if names.len() > 16 => {
                return Err(FieldError::new("signature.headers", "has more than 16 names: remove some"));
            }
            SignatureAt::Header(names) | SignatureAt::Headers(names) => {
                names.iter().try_for_each(|name| check_header("signature.headers", name))?;
            }
            SignatureAt::Places(_) => {}
        }
        let plain = matches!(self.grammar, Grammar::Plain { .. });
        if !plain && !matches!(self.at, SignatureAt::Header(_)) {
            let problem =
                "has several places or headers, but fields and lists are read from one header only: name one header";
            return Err(FieldError::new("signature.headers", problem));
        }
        if let StampAt::Header(name) = self.stamp.at {
            check_header("signature.time", name)?;
        }
        self.id_header.map_or(Ok(()), |name| check_header("signature.id_header", name))
    }

    fn covers_time(&self) -> bool {
        let mut covers = false;
        for part in self.signed {
            part.each(&mut |part| covers |= *part == Part::Timestamp);
        }
        covers
    }

    fn covers_header(&self, name: &str) -> bool {
        let here = self.id_header == Some(name) || self.signs(name);
        here || self.otherwise.is_some_and(|other| other.covers_header(name))
    }

    fn signs(&self, name: &str) -> bool {
        let mut signs = false;
        for part in self.signed {
            part.each(&mut |part| signs |= matches!(part, Part::At(Place::Header(header)) if *header == name));
        }
        signs
    }
}

fn check_separator(separator: u8) -> Result<(), FieldError> {
    if separator.is_ascii_alphanumeric() || separator == b'=' || !separator.is_ascii() {
        let problem = "must be a character that occurs in no name and no signature, such as `,` or `;`";
        return Err(FieldError::new("signature.separator", problem));
    }
    Ok(())
}

fn check_header(field: &'static str, name: &str) -> Result<(), FieldError> {
    let sound = HeaderName::from_bytes(name.as_bytes()).is_ok_and(|header| header.as_str() == name);
    if sound { Ok(()) } else { Err(FieldError::new(field, format!("`{name}` is not a header name in lower case"))) }
}

fn check_method(field: &'static str, name: &str) -> Result<(), FieldError> {
    let sound = Method::from_bytes(name.as_bytes()).is_ok() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    if sound { Ok(()) } else { Err(FieldError::new(field, format!("`{name}` is not an HTTP method in upper case"))) }
}

fn check_status(field: &'static str, status: u16) -> Result<(), FieldError> {
    if (200..=599).contains(&status) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{status} is not a status of a response: use 200 to 599")))
}

impl KeyText {
    /// Whether keys that are written in this form fit the algorithm.
    const fn is_public_for(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ed25519Hex | Self::Ed25519 => matches!(algorithm, Algorithm::Ed25519),
            Self::P256Spki | Self::P256 => matches!(algorithm, Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw),
            Self::Rsa => matches!(algorithm, Algorithm::Rsa(_) | Algorithm::RsaPss),
            Self::Standard | Self::StandardBehind(_) | Self::StandardOrText | Self::Text | Self::Base64 | Self::Hex => {
                !algorithm.is_public()
            }
        }
    }
}
