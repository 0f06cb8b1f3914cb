//! Checks a request's signature: the one engine for every [`Signature`].

use subtle::Choice;

use super::algorithm::Algorithm;
use super::candidates::{Claim, Presented, Signatures};
use super::compare::equal;
use super::error::VerifyError;
use super::key_set;
use super::part::Part;
use super::place::{Found, Place};
use super::received::Received;
use super::recipe::{Grammar, Signature, SignatureAt};
use super::stamp::StampAt;
use super::template::{Message, checked_form};
use super::trust::{Tolerance, Trust};
use super::url::{UrlQuery, urls_of};
use crate::clock::Timestamp;
use crate::secret::{Ed25519Public, Key, Kind, Mac, Tag};
use crate::work;

impl Signature {
    /// Checks that one of the live keys made this request's signature. Returns the signed time if the signature has one. The time
    /// is compared with the [tolerance](Trust::tolerance), or with [`Tolerance::DEFAULT`] if no tolerance is set.
    ///
    /// # Errors
    /// Returns [`VerifyError::Missing`] or [`VerifyError::Malformed`] if a header or field is absent or not in its form,
    /// [`VerifyError::NoKey`] if no live key fits the algorithm, [`VerifyError::BadSignature`] if no key made the signature, and
    /// [`VerifyError::OutOfTolerance`] if the signed time is too far away.
    pub fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<Timestamp>, VerifyError> {
        let signed_at = self.selected(received).matches(received, trust, UrlQuery::AsReceived)?;
        if let Some(signed_at) = signed_at {
            trust.tolerance.unwrap_or(Tolerance::DEFAULT).check(signed_at, trust.now)?;
        }
        Ok(signed_at)
    }

    /// The signature that counts for this request: this one, or [the other](Self::otherwise) if the request has none of the headers
    /// of this one.
    pub(crate) fn selected(&self, received: &Received<'_>) -> &Self {
        match self.otherwise {
            Some(other) if !Presented::is_any(self, received) => other,
            _ => self,
        }
    }

    /// Checks the signature and returns the signed time without comparing the time with the clock.
    pub(crate) fn matches(
        &self,
        received: &Received<'_>,
        trust: &Trust<'_>,
        query: UrlQuery,
    ) -> Result<Option<Timestamp>, VerifyError> {
        let places = self.all_places();
        let mut found = Found::nothing();
        if self.stands_in_places() {
            found = Found::read(&places, received);
        }
        let mut presented = Presented::new();
        presented.read(self, received, trust, &found)?;
        // A request without a signature in its headers is rejected before its body is read.
        if !self.stands_in_places() {
            found = Found::read(&places, received);
        }
        // The time is read before the MAC is checked: a text that is not a time may contain parts of the neighbouring fields of the
        // signed text.
        let signed_at = match self.stamp.at {
            StampAt::Nowhere => None,
            _ => Some(self.stamp.unit.read(&presented.timestamp)?),
        };
        let message = Message {
            id: presented.id,
            timestamp: &presented.timestamp,
            body: received.body,
            request: Some((received, trust)),
            url: None,
            form: None,
            found: &found,
        };
        match self.url_setting() {
            None => self.check(&presented.signatures, &message, trust, &mut Vec::new())?,
            Some(setting) => {
                let urls = urls_of(received, trust, setting, query)?;
                self.check_urls(&urls, &presented.signatures, &message, trust)?;
            }
        }
        if self.joins_by_dots() && can_be_cut_elsewhere(presented.id, received.body) {
            return Err(VerifyError::Malformed("event id"));
        }
        Ok(signed_at)
    }
}

/// Maximum number of pairs of signature and public key that are tried for one request.
const MAX_TRIES: usize = 64;

/// Maximum number of bytes that are hashed for such pairs. Every pair reads the whole message, while a MAC is made once for all
/// signatures.
const MAX_TRIED_BYTES: usize = 4 * 1024 * 1024;

/// How many pairs of signature and public key are tried for a body of this many bytes. At least four are tried, because sender and
/// receiver may change their keys at the same time. The other pairs count as not matching.
const fn tries_for(bytes: usize) -> usize {
    let affordable = MAX_TRIED_BYTES.checked_div(bytes);
    match affordable {
        Some(pairs) if pairs < 4 => 4,
        Some(pairs) if pairs < MAX_TRIES => pairs,
        _ => MAX_TRIES,
    }
}

/// Whether another id and body could have the same signed text `id.time.body`. There are two cases. The id contains a dot and the
/// body begins with a digit, for example if the body `1700000000.5` was signed. Or the body begins with a time and a dot, for
/// example if the id `a.1700000000` was signed. JSON objects and arrays never begin like this.
fn can_be_cut_elsewhere(id: &[u8], body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let begins_with_time = digits >= 9 && body.get(digits) == Some(&b'.');
    begins_with_time || (id.contains(&b'.') && digits > 0)
}

impl Signature {
    /// Whether id, time and body are joined with dots. If another rule requires a plain id, the id contains no dot.
    fn joins_by_dots(&self) -> bool {
        let joined = [Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body];
        self.signed == joined.as_slice()
    }

    /// Tries every URL that may have been signed.
    fn check_urls(
        &self,
        urls: &[String],
        signatures: &Signatures,
        message: &Message<'_>,
        trust: &Trust<'_>,
    ) -> Result<(), VerifyError> {
        let mut verdict = Err(VerifyError::BadSignature);
        let sorts = urls.len() > 1 && self.signed.contains(&Part::SortedForm);
        let form = sorts.then(|| checked_form(message.body)).transpose()?;
        let mut begun = Vec::new();
        for url in urls {
            let message = Message { url: Some(url), form: form.as_deref(), ..*message };
            verdict = self.check(signatures, &message, trust, &mut begun);
            if verdict != Err(VerifyError::BadSignature) {
                break;
            }
        }
        verdict
    }

    /// Tries every live key on every signature of its kind, without early exit. If none fits, tries the other parts that may be
    /// signed.
    fn check(
        &self,
        signatures: &Signatures,
        message: &Message<'_>,
        trust: &Trust<'_>,
        begun: &mut Vec<Begun>,
    ) -> Result<(), VerifyError> {
        match (self.check_pieces(signatures, message, trust, begun), self.or_signed) {
            (Err(VerifyError::BadSignature), Some(signed)) => {
                let other = Self { signed, or_signed: None, ..*self };
                match other.check_pieces(signatures, message, trust, begun) {
                    // The request has no such part, so it was not signed in that way: the first result counts.
                    Err(VerifyError::Missing(_) | VerifyError::Malformed(_)) => Err(VerifyError::BadSignature),
                    verdict => verdict,
                }
            }
            (verdict, _) => verdict,
        }
    }

    fn check_pieces(
        &self,
        signatures: &Signatures,
        message: &Message<'_>,
        trust: &Trust<'_>,
        begun: &mut Vec<Begun>,
    ) -> Result<(), VerifyError> {
        let mut usable = false;
        let mut good = Choice::from(0);
        let mut tries = tries_for(message.body.len());
        let fetched = self.fetched(trust)?;
        let keys = trust.keys.live(trust.now).chain(&fetched).filter(|key| self.can_use(key));
        for (number, key) in keys.enumerate() {
            usable = true;
            let mut made = Made { scheme: self, key, number, message, begun, tags: Vec::new(), text: None, tries };
            for (claim, signature) in signatures.iter() {
                good |= made.compare(claim, signature)?;
            }
            tries = made.tries;
        }
        if !usable {
            Err(VerifyError::NoKey)
        } else if bool::from(good) {
            Ok(())
        } else {
            Err(VerifyError::BadSignature)
        }
    }

    /// Whether the signature or its time is in a place of the request other than a header of its own.
    fn stands_in_places(&self) -> bool {
        matches!(self.at, SignatureAt::Places(_)) || matches!(self.stamp.at, StampAt::Place(_))
    }

    /// The places from which the signature is read, and the places that it covers.
    fn all_places(&self) -> Vec<Place> {
        let mut all = Vec::new();
        if let StampAt::Place(place) = self.stamp.at {
            all.push(place);
        }
        if let SignatureAt::Places(places) = self.at {
            all.extend_from_slice(places);
        }
        for part in self.signed.iter().chain(self.or_signed.unwrap_or_default()) {
            part.each(&mut |part| {
                if let Part::At(place) = part {
                    all.push(*place);
                }
            });
        }
        all
    }

    /// The keys of the key set.
    fn fetched(&self, trust: &Trust<'_>) -> Result<Vec<Key>, VerifyError> {
        let Some(url) = self.key_set else { return Ok(Vec::new()) };
        let set = trust.settings.get("jwks").map(str::as_bytes);
        key_set::all(set.or_else(|| trust.documents.get(url).map(|set| &**set)).ok_or(VerifyError::UnknownKey)?)
    }

    fn can_use(&self, key: &Key) -> bool {
        match key.kind() {
            Kind::Hmac(_) => !self.algorithm.is_public(),
            Kind::P256(_) => matches!(self.algorithm, Algorithm::EcdsaP256 | Algorithm::EcdsaP256Raw),
            Kind::Rsa(_) => matches!(self.algorithm, Algorithm::Rsa(_) | Algorithm::RsaPss),
            Kind::Verifying(_) | Kind::Signing(_) => {
                matches!(self.algorithm, Algorithm::Ed25519) || matches!(self.grammar, Grammar::Versioned)
            }
        }
    }
}

/// The values that one key computes from the message, made once for all signatures that are compared with them.
struct Made<'a, 'b> {
    scheme: &'a Signature,
    key: &'a Key,
    /// The number of the key.
    number: usize,
    message: &'a Message<'a>,
    begun: &'b mut Vec<Begun>,
    /// One tag for each hash that a signature names.
    tags: Vec<(Claim, Tag)>,
    text: Option<Vec<u8>>,
    /// How many signatures may still be tried.
    tries: usize,
}

/// The MAC, with one key, of the text before the URL.
struct Begun {
    key: usize,
    claim: Claim,
    signed: &'static [Part],
    mac: Option<Mac>,
}

impl Made<'_, '_> {
    fn compare(&mut self, claim: Claim, presented: &[u8]) -> Result<Choice, VerifyError> {
        match (self.key.kind(), claim) {
            (Kind::Hmac(key), Claim::Mac(hash)) => {
                self.against(claim, presented, |made| made.mac(claim, hash.mac(key)))
            }
            (Kind::Hmac(key), Claim::Digest(hash)) => {
                self.against(claim, presented, |made| made.scheme.digest(hash, key, made.message))
            }
            (Kind::Verifying(key), Claim::Ed25519) => self.verifies(key, presented),
            (Kind::Signing(key), Claim::Ed25519) => self.verifies(&key.public(), presented),
            (Kind::P256(key), Claim::EcdsaP256 { raw }) => self.over_text(|text| key.verifies(text, presented, raw)),
            (Kind::Rsa(key), Claim::Rsa(form)) => self.over_text(|text| key.verifies(form, text, presented)),
            _ => Ok(Choice::from(0)),
        }
    }

    fn against(
        &mut self,
        claim: Claim,
        presented: &[u8],
        make: impl FnOnce(&mut Self) -> Result<Tag, VerifyError>,
    ) -> Result<Choice, VerifyError> {
        if !self.tags.iter().any(|(made, _)| *made == claim) {
            let tag = make(self)?;
            self.tags.push((claim, tag));
        }
        let tag = self.tags.iter().find(|(made, _)| *made == claim);
        Ok(tag.map_or(Choice::from(0), |(_, tag)| equal(tag.as_bytes(), presented)))
    }

    fn mac(&mut self, claim: Claim, mac: Mac) -> Result<Tag, VerifyError> {
        if self.message.url.is_none() {
            return self.scheme.mac(&mut None, mac, self.message);
        }
        let (key, signed) = (self.number, self.scheme.signed);
        let is_it = |it: &Begun| (it.key, it.claim, it.signed) == (key, claim, signed);
        let at = self.begun.iter().position(is_it).unwrap_or(self.begun.len());
        if at == self.begun.len() {
            self.begun.push(Begun { key, claim, signed, mac: None });
        }
        match self.begun.get_mut(at) {
            Some(begun) => self.scheme.mac(&mut begun.mac, mac, self.message),
            None => self.scheme.mac(&mut None, mac, self.message),
        }
    }

    /// Checks strictly (RFC 8032 with the checks of "Taming the many EdDSAs"): weak keys and malleable signatures are rejected.
    fn verifies(&mut self, key: &Ed25519Public, presented: &[u8]) -> Result<Choice, VerifyError> {
        self.over_text(|text| {
            work::spent(text.len());
            key.verifies(text, presented)
        })
    }

    /// Checks the message with a public key. The text of the message is made once.
    fn over_text(&mut self, verifies: impl FnOnce(&[u8]) -> bool) -> Result<Choice, VerifyError> {
        let text = match self.text.take() {
            Some(text) => text,
            None => self.scheme.message(self.message)?,
        };
        let good = self.tries > 0 && verifies(&text);
        self.tries = self.tries.saturating_sub(1);
        self.text = Some(text);
        Ok(Choice::from(u8::from(good)))
    }
}
