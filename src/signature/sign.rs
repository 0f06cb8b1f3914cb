//! Signing as a scheme describes it.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::algorithm::Algorithm;
use super::candidates::is_plain_id;
use super::error::{SignError, VerifyError};
use super::hash::Hash;
use super::place::Found;
use super::recipe::{Grammar, Signature as Signed, SignatureAt};
use super::stamp::{StampAt, Unit};
use super::template::Message;
use crate::clock::Timestamp;
use crate::secret::{Ed25519Pair, Key, Keyring, Kind};

/// What is signed.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "complete: all that a signature covers; the application builds it as a literal"
)]
pub struct Signing<'a> {
    /// The event's id.
    pub id: &'a str,
    /// The time of this attempt, not of the event.
    pub timestamp: Timestamp,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Prints the id and the size only.
impl std::fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signing({}, {} bytes)", self.id, self.body.len())
    }
}

impl Signed {
    /// Adds the headers of the signature. If the header can hold several signatures, it contains one for each live key, newest
    /// first. Otherwise it contains only the signature of the newest key.
    ///
    /// # Errors
    /// Returns an error if no live key can sign under this scheme, or if the id is signed and is not 1 to 128 of `A-Z a-z 0-9 _ -`.
    /// Nothing is added then.
    pub fn sign(&self, signing: &Signing<'_>, keys: &Keyring, headers: &mut HeaderMap) -> Result<(), SignError> {
        if self.id_header.is_some() && !is_plain_id(signing.id.as_bytes()) {
            return Err(SignError::Id);
        }
        let SignatureAt::Header([header, ..]) = self.at else { return Err(SignError::Scheme) };
        let mut digits = [0; 20];
        let timestamp = self.timestamp(signing.timestamp, &mut digits)?;
        let value = self.signatures(signing, timestamp, keys)?;
        if let Some(name) = self.id_header {
            let id = HeaderValue::from_str(signing.id).map_err(|_| SignError::Id)?;
            headers.insert(name_of(name)?, id);
        }
        if let StampAt::Header(name) = self.stamp.at {
            headers.insert(name_of(name)?, value_of(timestamp)?);
        }
        headers.insert(name_of(header)?, value_of(&value)?);
        Ok(())
    }
}

impl Signed {
    /// The time as this scheme writes it.
    fn timestamp(self, at: Timestamp, buffer: &mut [u8; 20]) -> Result<&[u8], SignError> {
        let number = match self.stamp.unit {
            Unit::Seconds | Unit::SecondsOrMillis => at.as_secs(),
            Unit::Millis => at.as_millis(),
            Unit::Micros => at.as_millis().saturating_mul(1_000),
            Unit::FloatSeconds | Unit::Rfc3339 | Unit::HttpDate => return Err(SignError::Scheme),
        };
        Ok(write_digits(number.max(0).unsigned_abs(), buffer))
    }

    /// The value of the signature header.
    fn signatures(&self, signing: &Signing<'_>, timestamp: &[u8], keys: &Keyring) -> Result<Vec<u8>, SignError> {
        let mut value = Vec::with_capacity(128);
        match (self.grammar, self.stamp.at) {
            (Grammar::Fields { .. } | Grammar::Groups { .. }, StampAt::Field(stamp)) => {
                [stamp.as_bytes(), b"=", timestamp].into_iter().for_each(|part| value.extend_from_slice(part));
            }
            (Grammar::List { .. }, StampAt::First) => value.extend_from_slice(timestamp),
            _ => {}
        }
        let mut signed = false;
        for key in keys.live(signing.timestamp) {
            let Some((version, signature)) = self.signature(key, signing, timestamp)? else { continue };
            self.introduce(version, signed, &mut value);
            self.encoding.encode(signature.as_slice(), &mut value);
            signed = true;
            if matches!(self.grammar, Grammar::Plain { .. }) {
                break;
            }
        }
        if signed { Ok(value) } else { Err(SignError::NoKey) }
    }

    /// Writes the text before a signature in the header.
    fn introduce(&self, version: &str, again: bool, value: &mut Vec<u8>) {
        let pieces = match self.grammar {
            Grammar::Plain { prefix, .. } => {
                [self.named().unwrap_or(prefix), if self.named().is_some() { "=" } else { "" }, ""]
            }
            Grammar::Fields { separator, signatures } | Grammar::Groups { separator, signatures, .. } => {
                if !value.is_empty() {
                    value.push(separator);
                }
                [signatures.first().copied().unwrap_or_default(), "=", ""]
            }
            Grammar::List { separator } => {
                if !value.is_empty() {
                    value.push(separator);
                }
                ["", "", ""]
            }
            Grammar::Versioned => [if again { " " } else { "" }, version, ","],
        };
        for piece in pieces {
            value.extend_from_slice(piece.as_bytes());
        }
    }

    /// The name of the hash before the signature, if the scheme allows several hashes.
    fn named(&self) -> Option<&'static str> {
        match self.algorithm {
            Algorithm::HmacNamed(hashes) => hashes.iter().find(|hash| **hash == Hash::Sha256).map(|hash| hash.name()),
            _ => None,
        }
    }

    /// The signature of one key; `None` if the key cannot sign under this scheme.
    fn signature(
        &self,
        key: &Key,
        signing: &Signing<'_>,
        timestamp: &[u8],
    ) -> Result<Option<(&'static str, Signature)>, SignError> {
        let message = Message {
            id: signing.id.as_bytes(),
            timestamp,
            body: signing.body,
            request: None,
            url: None,
            form: None,
            found: &Found::nothing(),
        };
        // This fails if the scheme signs a part of the request, because the request is not known here.
        let made = match (key.kind(), self.algorithm) {
            (Kind::Hmac(key), Algorithm::Hmac(hash)) => {
                self.mac(&mut None, hash.mac(key), &message).map(Signature::Mac)
            }
            (Kind::Hmac(key), Algorithm::HmacNamed(_)) => {
                self.mac(&mut None, key.sha256(), &message).map(Signature::Mac)
            }
            (Kind::Signing(key), Algorithm::Ed25519) => self.ed25519(key, &message),
            (Kind::Signing(key), _) if self.grammar == Grammar::Versioned => self.ed25519(key, &message),
            _ => return Ok(None),
        };
        let made = made.map_err(|_| SignError::Scheme)?;
        let version = if matches!(made, Signature::Mac(_)) { "v1" } else { "v1a" };
        Ok(Some((version, made)))
    }

    fn ed25519(&self, key: &Ed25519Pair, message: &Message<'_>) -> Result<Signature, VerifyError> {
        Ok(Signature::Ed25519(key.sign(&self.message(message)?)))
    }
}

enum Signature {
    Mac(crate::secret::Tag),
    Ed25519([u8; 64]),
}

impl Signature {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mac(tag) => tag.as_bytes(),
            Self::Ed25519(bytes) => bytes,
        }
    }
}

fn name_of(name: &'static str) -> Result<HeaderName, SignError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| SignError::Scheme)
}

fn value_of(value: &[u8]) -> Result<HeaderValue, SignError> {
    HeaderValue::from_bytes(value).map_err(|_| SignError::Scheme)
}

/// Decimal digits, without allocation.
fn write_digits(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    for slot in buffer.iter_mut().rev() {
        *slot = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_number() {
        for number in [0, 9, 10, 1_674_087_231, u64::MAX] {
            assert_eq!(write_digits(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
