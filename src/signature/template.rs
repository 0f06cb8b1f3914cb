//! Builds the signed text from its parts.

use std::borrow::Cow;

use super::encoding::Encoding;
use super::error::VerifyError;
use super::form::check_fields;
use super::hash::Hash;
use super::part::Part;
use super::place::Found;
use super::received::Received;
use super::recipe::Signature;
use super::trust::Trust;
use crate::percent;
use crate::secret::{HmacKey, Mac, Tag};

/// One message: the values of the parts of its signed text.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) timestamp: &'a [u8],
    pub(crate) body: &'a [u8],
    /// Absent when the message is signed here: then only id, time and body can be signed.
    pub(crate) request: Option<(&'a Received<'a>, &'a Trust<'a>)>,
    /// The URL that may have been signed, if the scheme signs one.
    pub(crate) url: Option<&'a str>,
    /// The sorted form, if it was built once for all URLs that are tried.
    pub(crate) form: Option<&'a [u8]>,
    /// The texts that were read from the body before.
    pub(crate) found: &'a Found<'a>,
}

impl<'a> Message<'a> {
    fn part(&self, part: Part, secret: &'a [u8]) -> Result<Cow<'a, [u8]>, VerifyError> {
        Ok(match part {
            Part::Id | Part::PlainId => Cow::Borrowed(self.id),
            Part::Timestamp => Cow::Borrowed(self.timestamp),
            Part::Body => Cow::Borrowed(self.body),
            Part::Text(text) => Cow::Borrowed(text.as_bytes()),
            Part::Secret => Cow::Borrowed(secret),
            Part::SortedForm => match self.form {
                Some(form) => Cow::Borrowed(form),
                None => Cow::Owned(checked_form(self.body)?),
            },
            Part::Method => Cow::Borrowed(self.request()?.0.method.as_str().as_bytes()),
            Part::Url(setting) => Cow::Borrowed(self.url(setting)?),
            Part::UrlDecoded(setting, escapes) => Cow::Owned(decoded(self.url(setting)?, escapes)),
            Part::Path => Cow::Borrowed(self.request()?.0.uri.path().as_bytes()),
            Part::Query => Cow::Borrowed(self.request()?.0.uri.query().unwrap_or_default().as_bytes()),
            Part::SortedQuery => {
                let query = self.request()?.0.uri.query().unwrap_or_default();
                check_fields(query.as_bytes())?;
                Cow::Owned(sorted_query(query))
            }
            Part::HashOf(hash, encoding, parts) => Cow::Owned(hashed(hash, encoding, &self.joined(parts, secret)?)),
            Part::Lower(part) => Cow::Owned(self.cased(*part, secret, str::to_lowercase)?),
            Part::Upper(part) => Cow::Owned(self.cased(*part, secret, str::to_uppercase)?),
            Part::Optional(parts) => match self.joined(parts, secret) {
                Err(VerifyError::Missing(_)) => Cow::Borrowed(&b""[..]),
                joined => joined?,
            },
            Part::At(place) => {
                let text = self.found.text(&place, self.request()?, "signed part")?;
                match text.ok_or(VerifyError::Missing("signed part"))? {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                }
            }
        })
    }

    fn url(&self, setting: &'static str) -> Result<&'a [u8], VerifyError> {
        self.url.map(str::as_bytes).ok_or(VerifyError::MissingSetting(setting))
    }

    /// Concatenates parts. A single part is not copied.
    fn joined(&self, parts: &'static [Part], secret: &'a [u8]) -> Result<Cow<'a, [u8]>, VerifyError> {
        if let [part] = parts {
            return self.part(*part, secret);
        }
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(&self.part(*part, secret)?);
        }
        Ok(Cow::Owned(text))
    }

    /// Returns the text of these parts in this message, without a secret.
    pub(crate) fn text(&self, parts: &'static [Part]) -> Result<Cow<'a, [u8]>, VerifyError> {
        self.joined(parts, b"")
    }

    /// Changes the case of a part. Bytes that are not UTF-8 stay unchanged.
    fn cased(&self, part: Part, secret: &'a [u8], change: fn(&str) -> String) -> Result<Vec<u8>, VerifyError> {
        let bytes = self.part(part, secret)?;
        Ok(std::str::from_utf8(&bytes).map_or_else(|_| bytes.to_vec(), |text| change(text).into_bytes()))
    }

    fn request(&self) -> Result<(&'a Received<'a>, &'a Trust<'a>), VerifyError> {
        self.request.ok_or(VerifyError::Missing("request"))
    }
}

impl Signature {
    /// The setting that contains the URL, if a URL is signed.
    pub(crate) fn url_setting(&self) -> Option<&'static str> {
        url_setting(self.signed)
    }

    /// Computes the MAC of the signed text part by part, so that nothing is copied. The parts before a URL are the same for all URLs that
    /// are tried, so the MAC up to there is kept in `begun`.
    pub(crate) fn mac(&self, begun: &mut Option<Mac>, mac: Mac, message: &Message<'_>) -> Result<Tag, VerifyError> {
        let url_at = message.url.and_then(|_| self.signed.iter().position(Part::has_url)).unwrap_or_default();
        let (before, behind) = self.signed.split_at_checked(url_at).unwrap_or((&[], self.signed));
        let mut mac = match begun {
            Some(begun) => begun.clone(),
            None => feed(mac, before, message)?,
        };
        if url_at > 0 && begun.is_none() {
            *begun = Some(mac.clone());
        }
        mac = feed(mac, behind, message)?;
        Ok(mac.finish())
    }

    /// Computes the plain hash of the signed text, which contains the secret.
    pub(crate) fn digest(&self, hash: Hash, key: &HmacKey, message: &Message<'_>) -> Result<Tag, VerifyError> {
        let mut text = zeroize::Zeroizing::new(Vec::with_capacity(message.body.len() + 256));
        for part in self.signed {
            text.extend_from_slice(&message.part(*part, key.bytes())?);
        }
        Ok(hash.digest(&text))
    }

    /// Builds the signed text in one buffer, because Ed25519 reads it twice.
    pub(crate) fn message(&self, message: &Message<'_>) -> Result<Vec<u8>, VerifyError> {
        let mut text = Vec::with_capacity(message.body.len() + 128);
        for part in self.signed {
            text.extend_from_slice(&message.part(*part, b"")?);
        }
        Ok(text)
    }
}

fn feed(mut mac: Mac, parts: &'static [Part], message: &Message<'_>) -> Result<Mac, VerifyError> {
    for part in parts {
        mac.update(&message.part(*part, b"")?);
    }
    Ok(mac)
}

/// Returns the sorted form of a body, or an error if it has too many fields.
pub(crate) fn checked_form(body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    check_fields(body)?;
    Ok(sorted_form(body))
}

fn decoded(url: &[u8], escapes: &[(&str, &str)]) -> Vec<u8> {
    let mut rest = url;
    let mut text = Vec::with_capacity(rest.len());
    while let Some(byte) = rest.first() {
        let escape = escapes.iter().find(|(escape, _)| rest.starts_with(escape.as_bytes()));
        let (length, piece) =
            escape.map_or((1, std::slice::from_ref(byte)), |(escape, is)| (escape.len(), is.as_bytes()));
        text.extend_from_slice(piece);
        rest = rest.get(length..).unwrap_or_default();
    }
    text
}

/// The setting that contains the URL, if a URL is among these parts.
pub(crate) fn url_setting(parts: &[Part]) -> Option<&'static str> {
    let mut found = None;
    for part in parts {
        part.each(&mut |part| {
            if let Part::Url(setting) | Part::UrlDecoded(setting, _) = part {
                found = Some(*setting);
            }
        });
    }
    found
}

fn hashed(hash: Hash, encoding: Encoding, text: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(128);
    encoding.encode(hash.digest(text).as_bytes(), &mut written);
    written
}

/// Returns the fields of a query, decoded and sorted.
pub(crate) fn sorted_query(query: &str) -> Vec<u8> {
    let mut fields: Vec<_> = percent::pairs(query.as_bytes()).collect();
    fields.sort_unstable();
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fields.join("&").into_bytes()
}

/// Returns the name and the value of every field, sorted by name. The values of one name keep their order.
fn sorted_form(body: &[u8]) -> Vec<u8> {
    let mut fields: Vec<_> = percent::pairs(body).collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut text = Vec::with_capacity(body.len());
    for (name, value) in fields {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(value.as_bytes());
    }
    text
}
