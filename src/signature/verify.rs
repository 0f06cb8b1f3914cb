//! The engine that checks what a scheme describes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::Choice;

use super::about::About;
use super::candidates::{Claim, Presented, Signatures};
use super::compare::equal;
use super::config::SchemeError;
use super::error::VerifyError;
use super::handshake::is_challenge_byte;
use super::json;
use super::jwt::{self, Jwt};
use super::part::Part;
use super::place::{Found, Place};
use super::recipe::{Algorithm, Grammar, Signature, SignatureAt};
use super::retries::Retries;
use super::scheme::{Conduct, Proof, Scheme, Token, behind};
use super::stamp::StampAt;
use super::template::{Message, checked_form};
use super::trust::{Setting, SettingKind};
use super::url::{registered_urls_of, urls_of};
use super::{Checked, Events, KeyUse, Need, Received, Trust, Verify};
use crate::clock::Timestamp;
use crate::secret::{Key, Kind, Mac, Tag};
use crate::work;

impl Verify for Scheme {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        if let Some(reply) = self.handshake(false, received, trust)? {
            return Ok(Checked::Handshake(reply));
        }
        for (name, value) in self.require {
            let presented = received.headers.get(*name).ok_or(VerifyError::Missing("required header"))?;
            if presented.as_bytes() != value.as_bytes() {
                return Err(VerifyError::UnsupportedAlgorithm);
            }
        }
        let signed_at = match &self.proof {
            Proof::Signature(signature) => self.check_signature(signature, received, trust)?,
            Proof::Token(places) => check_token(places, received, trust).map(|()| None)?,
            Proof::Jwt(jwt) => jwt.check(self.window(), received, trust)?,
            Proof::Nothing => None,
        };
        let reply = self.handshake(true, received, trust)?;
        Ok(reply.map_or(Checked::Event { signed_at }, Checked::Handshake))
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        Self::events(self, received, trust)
    }

    fn read_key(&self, secret: &str) -> Result<Key, crate::secret::KeyError> {
        self.key(secret)
    }

    fn needs(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<Need>, VerifyError> {
        match &self.proof {
            Proof::Signature(signature) => Ok(signature.needs(trust)),
            Proof::Jwt(jwt) => jwt.needs(received, trust),
            Proof::Token(_) | Proof::Nothing => Ok(None),
        }
    }

    fn key_use(&self) -> KeyUse {
        match &self.proof {
            Proof::Nothing => KeyUse::None,
            Proof::Signature(Signature { key_set: Some(_), .. }) | Proof::Jwt(Jwt { key_set: Some(_), .. }) => {
                KeyUse::None
            }
            _ => self.key_use,
        }
    }

    fn settings(&self) -> &[Setting] {
        self.settings
    }

    fn methods(&self) -> Vec<&'static str> {
        self.handshakes.iter().filter_map(super::Handshake::method).chain(self.event_methods.iter().copied()).collect()
    }

    fn event_methods(&self) -> &'static [&'static str] {
        self.event_methods
    }

    fn keeps(&self, header: &str) -> bool {
        self.keep.contains(&header)
    }

    fn max_body(&self) -> Option<usize> {
        self.max_body
    }

    fn conduct(&self) -> Conduct {
        self.conduct
    }

    fn retries(&self) -> Retries {
        self.retries
    }

    fn about(&self) -> About {
        Self::about(self)
    }

    fn check(&self) -> Result<(), SchemeError> {
        Self::check(self)
    }

    fn covers_body(&self) -> bool {
        match &self.proof {
            Proof::Signature(signature) => signature.signed.iter().any(Part::is_body),
            Proof::Jwt(jwt) => jwt.covers_body(),
            Proof::Token(_) | Proof::Nothing => false,
        }
    }

    fn proves_origin(&self) -> bool {
        self.proof != Proof::Nothing
    }
}

impl Scheme {
    fn urls(
        &self,
        setting: &'static str,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Vec<String>, VerifyError> {
        let known = self.settings.iter().find(|known| known.name == setting);
        match known.map(|known| known.kind) {
            Some(SettingKind::RegisteredUrl) => registered_urls_of(received, trust, setting),
            _ => urls_of(received, trust, setting),
        }
    }

    fn check_signature(
        &self,
        signature: &Signature,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Timestamp>, VerifyError> {
        let signature = match signature.otherwise {
            Some(other) if !Presented::is_any(signature, received) => other,
            _ => signature,
        };
        let places = signature.places();
        let mut found = Found::nothing();
        if signature.stands_in_places() {
            found = Found::read(&places, received);
        }
        let mut presented = Presented::new();
        presented.read(signature, received, trust, &found)?;
        // A request without a signature in its headers is refused before its body is read.
        if !signature.stands_in_places() {
            found = Found::read(&places, received);
        }
        // Before the MAC, because a text that is no time might be cut from its neighbours in what is signed.
        let signed_at = match signature.stamp.at {
            StampAt::Nowhere => None,
            _ => Some(signature.stamp.unit.read(&presented.timestamp)?),
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
        match signature.url_setting() {
            None => signature.check(&presented.signatures, &message, trust, &mut Vec::new())?,
            Some(setting) => {
                let urls = self.urls(setting, received, trust)?;
                signature.check_urls(&urls, &presented.signatures, &message, trust)?;
            }
        }
        if signature.joins_by_dots() && can_be_cut_elsewhere(presented.id, received.body) {
            return Err(VerifyError::Malformed("event id"));
        }
        // A challenge may have been signed by the same key. It never is a JSON object.
        if self.signs_challenges() && !signature.excludes_challenges() && !json::is_object(received.body) {
            return Err(VerifyError::Malformed("body"));
        }
        if let Some(signed_at) = signed_at {
            trust.tolerance.unwrap_or(self.window()).check(signed_at, trust.now)?;
        }
        Ok(signed_at)
    }
}

/// Most pairs of signature and public key that are tried for one request.
const MAX_TRIES: usize = 64;

/// Most bytes that are hashed for such pairs. Every pair reads the whole message, while a MAC is made once for all signatures.
const MAX_TRIED_BYTES: usize = 4 * 1024 * 1024;

/// How many pairs of signature and public key are tried for a body of so many bytes: four at least, which is what a sender and a
/// receiver need that both change their keys. The rest counts as not matching.
const fn tries_for(bytes: usize) -> usize {
    let affordable = MAX_TRIED_BYTES.checked_div(bytes);
    match affordable {
        Some(pairs) if pairs < 4 => 4,
        Some(pairs) if pairs < MAX_TRIES => pairs,
        _ => MAX_TRIES,
    }
}

/// Whether `id.time.body` may be what was signed for another id and body: the id has a dot in it and the body begins with a digit, as
/// it would where `1700000000.5` was the body; or the body begins with a time and a dot, as it would where the id was
/// `a.1700000000`. No JSON object and no array begins like this.
fn can_be_cut_elsewhere(id: &[u8], body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let begins_with_time = digits >= 9 && body.get(digits) == Some(&b'.');
    begins_with_time || (id.contains(&b'.') && digits > 0)
}

impl Signature {
    /// Whether id, time and body are joined by dots. An id that is plain by another rule has none.
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

    /// Whether a literal that it signs has a character that no challenge has, so that what an event signs was never answered to
    /// a challenge.
    pub(super) fn excludes_challenges(&self) -> bool {
        let has_other = |text: &str| text.bytes().any(|byte| !is_challenge_byte(byte));
        self.always_signs(|part| matches!(part, Part::Text(text) if has_other(text)))
    }

    /// Whether a part like this is signed, whichever of the pieces that may be signed are.
    pub(super) fn always_signs(&self, wanted: impl Fn(&Part) -> bool) -> bool {
        std::iter::once(self.signed).chain(self.or_signed).all(|signed| signed.iter().any(&wanted))
    }

    /// Tries every live key on every signature of its kind, without early exit; then the other pieces that may be signed.
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
                    // The request has no such piece, so it was not signed that way: the first verdict stands.
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

    /// Whether it, or its time, stands in a place of the request that is no header of its own.
    fn stands_in_places(&self) -> bool {
        matches!(self.at, SignatureAt::Places(_)) || matches!(self.stamp.at, StampAt::Place(_))
    }

    /// The places that it is read from, and those that it covers.
    fn places(&self) -> Vec<Place> {
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

    /// The key set, where it is not at hand.
    fn needs(&self, trust: &Trust<'_>) -> Option<Need> {
        let url = self.key_set.filter(|url| trust.settings.get("jwks").is_none() && trust.documents.get(url).is_none());
        url.map(Need::at)
    }

    /// The keys of the key set.
    fn fetched(&self, trust: &Trust<'_>) -> Result<Vec<Key>, VerifyError> {
        let Some(url) = self.key_set else { return Ok(Vec::new()) };
        let set = trust.settings.get("jwks").map(str::as_bytes);
        jwt::all(set.or_else(|| trust.documents.get(url).map(|set| &**set)).ok_or(VerifyError::UnknownKey)?)
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

/// What one key makes of the message, made once for all signatures that are compared with it.
struct Made<'a, 'b> {
    scheme: &'a Signature,
    key: &'a Key,
    /// Which of the keys it is.
    number: usize,
    message: &'a Message<'a>,
    begun: &'b mut Vec<Begun>,
    /// One for each hash that a signature names.
    tags: Vec<(Claim, Tag)>,
    text: Option<Vec<u8>>,
    /// How many signatures are still tried.
    tries: usize,
}

/// The MAC, by one key, of what stands before the URL.
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
            (Kind::Signing(key), Claim::Ed25519) => self.verifies(&key.verifying_key(), presented),
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

    /// Strictly (RFC 8032 with the checks of "Taming the many EdDSAs"): no weak key, no malleable signature.
    fn verifies(&mut self, key: &ed25519_dalek::VerifyingKey, presented: &[u8]) -> Result<Choice, VerifyError> {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(presented) else { return Ok(Choice::from(0)) };
        self.over_text(|text| {
            work::spent(text.len());
            key.verify_strict(text, &signature).is_ok()
        })
    }

    /// What a public key says of the message, which is put together once.
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

fn check_token(places: &[Token], received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
    for place in places {
        let Some(presented) = place.at.read(received, trust, "token")? else { continue };
        let place = place.or.filter(|other| behind(&presented, other.prefix).is_some()).unwrap_or(place);
        let text = behind(&presented, place.prefix).ok_or(VerifyError::Malformed("token"))?;
        let token = if place.base64 {
            BASE64.decode(text).map_err(|_| VerifyError::Malformed("token"))?
        } else {
            text.as_bytes().to_vec()
        };
        let keys = trust.keys.live(trust.now).filter_map(|key| match key.kind() {
            Kind::Hmac(key) => Some(key.bytes()),
            _ => None,
        });
        let good = keys.fold(Choice::from(0), |good, key| good | equal(key, &token));
        return if good.into() { Ok(()) } else { Err(VerifyError::BadToken) };
    }
    Err(VerifyError::Missing("token"))
}
