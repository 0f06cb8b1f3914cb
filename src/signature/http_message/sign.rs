//! Signing a request by a profile (RFC 9421 section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, InnerList, Item, Key as Name, Parameters};

use super::super::{Hash, Outgoing, SignError, SignRequest};
use super::base::{parameters, signature_base};
use super::digest::content_digest;
use super::message::Message;
use super::profile::Profile;
use super::verify::Algorithm;
use crate::clock::Timestamp;
use crate::entropy;
use crate::secret::{Key, Keyring, Kind};

impl SignRequest for Profile {
    fn sign_request(&self, request: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        self.sign(request, keys, headers)
    }
}

impl Profile {
    /// Adds `content-digest`, `webhook-id`, `signature-input` and `signature`: one signature for each live key that can sign,
    /// newest first. The headers that the profile covers must exist before, including `content-type`.
    ///
    /// # Errors
    /// Returns an error if no live key can sign, a covered header is missing, or the id is not valid in a header. Nothing is added
    /// then.
    pub fn sign(&self, outgoing: &Outgoing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        let mut signed = headers.clone();
        insert(&mut signed, "content-digest", &content_digest(outgoing.body))?;
        signed.insert("webhook-id", HeaderValue::from_str(outgoing.id).map_err(|_| SignError::Id)?);
        let (mut inputs, mut signatures) = (Vec::new(), Vec::new());
        for (number, key) in keys.live(outgoing.timestamp).filter(|key| key.can_sign()).enumerate() {
            let input = self.input(key, outgoing.timestamp, &signed)?;
            let message =
                Message::Request { method: outgoing.method, uri: outgoing.uri, origin: None, headers: &signed };
            let base = signature_base(&message, &input).map_err(|_| SignError::Scheme)?;
            let signature = BASE64.encode(made(key, base.as_bytes()).ok_or(SignError::NoKey)?);
            inputs.push(format!("sig{}={}", number + 1, parameters(&input)));
            signatures.push(format!("sig{}=:{signature}:", number + 1));
        }
        if signatures.is_empty() {
            return Err(SignError::NoKey);
        }
        insert(&mut signed, "signature-input", &inputs.join(", "))?;
        insert(&mut signed, "signature", &signatures.join(", "))?;
        *headers = signed;
        Ok(())
    }

    fn input(&self, key: &Key, now: Timestamp, headers: &HeaderMap) -> Result<InnerList, SignError> {
        let present = self.where_present.iter().filter(|name| headers.contains_key(**name));
        let names = self.required.iter().chain(present);
        let component = |name: &&str| sfv::String::from_string((*name).to_owned()).map(Item::new);
        let items = names.map(component).collect::<Result<Vec<_>, _>>().map_err(|_| SignError::Scheme)?;
        let mut nonce = [0; 16];
        entropy::fill(&mut nonce).map_err(|_| SignError::Scheme)?;
        let mut params = Parameters::new();
        let mut add = |name: &str, value: BareItem| {
            let name = Name::from_string(name.to_owned()).map_err(|_| SignError::Scheme)?;
            params.insert(name, value);
            Ok(())
        };
        let created = now.as_secs();
        add("created", integer(created)?)?;
        add("expires", integer(created + self.max_secs)?)?;
        add("nonce", text(&URL_SAFE_NO_PAD.encode(nonce))?)?;
        add("keyid", text(&key.keyid())?)?;
        add("alg", text(Algorithm::of(key).name())?)?;
        add("tag", text(self.tag)?)?;
        Ok(InnerList { items, params })
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), SignError> {
    let value = HeaderValue::from_str(value).map_err(|_| SignError::Scheme)?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn integer(number: i64) -> Result<BareItem, SignError> {
    sfv::Integer::try_from(number).map(BareItem::Integer).map_err(|_| SignError::Scheme)
}

fn text(text: &str) -> Result<BareItem, SignError> {
    sfv::String::from_string(text.to_owned()).map(BareItem::String).map_err(|_| SignError::Scheme)
}

fn made(key: &Key, base: &[u8]) -> Option<Vec<u8>> {
    match key.kind() {
        Kind::Hmac(key) => {
            let mut mac = Hash::Sha256.mac(key);
            mac.update(base);
            Some(mac.finish().as_bytes().to_vec())
        }
        Kind::Signing(key) => Some(key.sign(base).to_vec()),
        Kind::Verifying(_) | Kind::P256(_) | Kind::Rsa(_) => None,
    }
}
