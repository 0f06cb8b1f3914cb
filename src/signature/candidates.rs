//! What a request presents: signatures, time and id. They are parsed and bounded, but not checked yet.

use std::borrow::Cow;

use super::algorithm::Algorithm;
use super::encoding::{Decoded, Encoding};
use super::error::VerifyError;
use super::hash::Hash;
use super::part::Part;
use super::place::{Found, Place, lines, lines_of};
use super::received::Received;
use super::recipe::{Grammar, Signature, SignatureAt};
use super::stamp::StampAt;
use super::trust::Trust;
use crate::secret::RsaForm;

/// Maximum number of signatures that are read in one request.
const MAX_SIGNATURES: usize = 16;

/// Maximum number of bytes of signature headers that are read.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// The algorithm that a presented signature claims. The signature is compared with a key only if the key fits this algorithm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Mac(Hash),
    Digest(Hash),
    Ed25519,
    EcdsaP256 { raw: bool },
    Rsa(RsaForm),
}

impl Claim {
    /// Whether a signature of this algorithm may have this number of bytes.
    const fn has_length(self, bytes: usize) -> bool {
        match self {
            Self::Mac(hash) | Self::Digest(hash) => bytes == hash.bytes(),
            Self::Ed25519 | Self::EcdsaP256 { raw: true } => bytes == 64,
            // The length of an ECDSA signature in DER varies, and the length of an RSA signature is that of the key.
            Self::EcdsaP256 { raw: false } | Self::Rsa(_) => true,
        }
    }
}

/// The signatures of one request, at most [`MAX_SIGNATURES`] of them, without allocation.
pub(crate) struct Signatures {
    list: [Option<(Claim, Decoded)>; MAX_SIGNATURES],
    count: usize,
}

impl Signatures {
    const fn new() -> Self {
        Self { list: [const { None }; MAX_SIGNATURES], count: 0 }
    }

    /// Counts every element, including elements that cannot be decoded, so that the limit bounds the work.
    fn push(&mut self, signature: Option<(Claim, Decoded)>) -> Result<(), VerifyError> {
        let slot = self.list.get_mut(self.count).ok_or(VerifyError::Malformed("signature"))?;
        *slot = signature;
        self.count += 1;
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Claim, &[u8])> {
        self.list.iter().take(self.count).flatten().map(|(claim, decoded)| (*claim, decoded.as_bytes()))
    }

    fn is_empty(&self) -> bool {
        self.list.iter().take(self.count).all(Option::is_none)
    }
}

/// What a request presents.
pub(crate) struct Presented<'a> {
    pub(crate) signatures: Signatures,
    /// The time, as received.
    pub(crate) timestamp: Cow<'a, [u8]>,
    pub(crate) id: &'a [u8],
}

impl<'a> Presented<'a> {
    pub(crate) const fn new() -> Self {
        Self { signatures: Signatures::new(), timestamp: Cow::Borrowed(b""), id: b"" }
    }

    /// Whether the request has any header of this scheme. If it has, this scheme alone is checked.
    pub(crate) fn is_any(scheme: &Signature, received: &Received<'_>) -> bool {
        let headers = match scheme.at {
            SignatureAt::Header(names) | SignatureAt::Headers(names) => names,
            SignatureAt::Places(_) => &[],
        };
        let stamp = match scheme.stamp.at {
            StampAt::Header(name) => Some(name),
            _ => None,
        };
        let mut all = headers.iter().copied().chain(stamp).chain(scheme.id_header);
        all.any(|name| received.headers.contains_key(name))
    }

    /// Fills an existing value, because returning a new one would copy more than a kilobyte.
    pub(crate) fn read(
        &mut self,
        scheme: &Signature,
        received: &Received<'a>,
        trust: &Trust<'a>,
        found: &Found<'a>,
    ) -> Result<(), VerifyError> {
        if let Some(name) = scheme.id_header {
            self.id = single(received, name, "event id")?;
            if scheme.signed.contains(&Part::PlainId) && !is_plain_id(self.id) {
                return Err(VerifyError::Malformed("event id"));
            }
        }
        match scheme.stamp.at {
            StampAt::Header(name) => self.timestamp = Cow::Borrowed(single(received, name, "timestamp")?),
            StampAt::Place(place) => {
                let text = found.text(&place, (received, trust), "timestamp")?;
                // The time is a part of the body. A body without it does not come from the provider.
                self.timestamp = match text.ok_or(VerifyError::Malformed("timestamp"))? {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
            }
            StampAt::Nowhere | StampAt::Field(_) | StampAt::First => {}
        }
        match scheme.at {
            SignatureAt::Header(names) => self.header(scheme, names, received),
            SignatureAt::Headers(names) => self.headers(scheme, names, received),
            SignatureAt::Places(places) => self.places(scheme, places, (received, trust), found),
        }
    }

    fn header(
        &mut self,
        scheme: &Signature,
        names: &'static [&'static str],
        received: &Received<'a>,
    ) -> Result<(), VerifyError> {
        let mut lines = lines_of(received.headers, names).map(|(_, line)| line);
        let first = lines.next().ok_or(VerifyError::Missing("signature"))?;
        if scheme.several {
            return self.each(scheme, std::iter::once(first).chain(lines));
        }
        if scheme.grammar != Grammar::Versioned {
            return match lines.next() {
                Some(_) => Err(VerifyError::Malformed("signature")),
                None => self.alone(scheme, first),
            };
        }
        let mut budget = MAX_HEADER_BYTES;
        // RFC 9110 section 5.3: several lines are one list.
        for line in std::iter::once(first).chain(lines) {
            budget = budget.checked_sub(line.len()).ok_or(VerifyError::Malformed("signature"))?;
            self.versioned(line, scheme.encoding)?;
        }
        if self.signatures.count == 0 { Err(VerifyError::Missing("signature")) } else { Ok(()) }
    }

    /// Reads the elements of several lines, which are one list (RFC 9110 section 5.3).
    fn each<'l>(&mut self, scheme: &Signature, lines: impl Iterator<Item = &'l [u8]>) -> Result<(), VerifyError> {
        let mut budget = MAX_HEADER_BYTES;
        for line in lines {
            budget = budget.checked_sub(line.len()).ok_or(VerifyError::Malformed("signature"))?;
            for element in line.split(|byte| *byte == b',') {
                self.plain(scheme, element.trim_ascii())?;
            }
        }
        self.some_decoded()
    }

    /// Reads the signatures in any of several headers. Each header may occur once.
    fn headers(&mut self, scheme: &Signature, names: &[&str], received: &Received<'a>) -> Result<(), VerifyError> {
        let mut last = "";
        for (name, text) in lines_of(received.headers, names) {
            if name == last || text.is_empty() {
                return Err(VerifyError::Malformed("signature"));
            }
            self.plain(scheme, text)?;
            last = name;
        }
        match self.signatures.count {
            0 => Err(VerifyError::Missing("signature")),
            _ => self.some_decoded(),
        }
    }

    /// Reads the signatures in any of several places.
    fn places(
        &mut self,
        scheme: &Signature,
        places: &[Place],
        request: (&Received<'a>, &Trust<'a>),
        found: &Found<'a>,
    ) -> Result<(), VerifyError> {
        for place in places {
            if let Some(text) = found.text(place, request, "signature")? {
                self.plain(scheme, text.as_bytes())?;
            }
        }
        match self.signatures.count {
            0 => Err(VerifyError::Missing("signature")),
            _ => self.some_decoded(),
        }
    }

    /// Reads a header that occurs once.
    fn alone(&mut self, scheme: &Signature, text: &'a [u8]) -> Result<(), VerifyError> {
        if text.len() > MAX_HEADER_BYTES {
            return Err(VerifyError::Malformed("signature"));
        }
        match scheme.grammar {
            Grammar::Fields { separator, signatures } => self.fields(scheme, text, separator, signatures)?,
            Grammar::Groups { between, separator, signatures } => {
                let groups = text.split(|byte| *byte == between).filter(|group| !group.is_empty());
                groups.into_iter().try_for_each(|group| self.fields(scheme, group, separator, signatures))?;
            }
            Grammar::List { separator } => self.list(scheme, text, separator)?,
            Grammar::Plain { .. } | Grammar::Versioned => self.plain(scheme, text)?,
        }
        self.some_decoded()
    }

    fn some_decoded(&self) -> Result<(), VerifyError> {
        if self.signatures.is_empty() { Err(VerifyError::Malformed("signature")) } else { Ok(()) }
    }

    /// Reads one signature after its prefix.
    fn plain(&mut self, scheme: &Signature, text: &[u8]) -> Result<(), VerifyError> {
        let (claim, text) = claimed(scheme, text)?;
        let text = match scheme.grammar {
            // An empty prefix is not compared: on some processors, reading from the address of an empty text, which is not a real
            // address, is slow.
            Grammar::Plain { prefix: "", .. } => text,
            Grammar::Plain { prefix, optional } => match text.strip_prefix(prefix.as_bytes()) {
                Some(rest) => rest,
                None if optional => text,
                None => return Err(VerifyError::Malformed("signature")),
            },
            _ => text,
        };
        self.signatures.push(sound(scheme, claim, text))
    }

    /// Reads `v1,<signature>` elements that are separated by ASCII white space. A comma may follow an element if a proxy has joined
    /// two lines. An element that is malformed or of another version is skipped.
    fn versioned(&mut self, line: &[u8], encoding: Encoding) -> Result<(), VerifyError> {
        let elements = line.split(u8::is_ascii_whitespace).filter(|element| !element.is_empty());
        for element in elements {
            let element = element.strip_suffix(b",").unwrap_or(element);
            let decoded = match element.split(|byte| *byte == b',').next() {
                Some(b"v1") => element.get(3..).and_then(|text| decode(Claim::Mac(Hash::Sha256), encoding, text)),
                Some(b"v1a") => element.get(4..).and_then(|text| decode(Claim::Ed25519, encoding, text)),
                _ => None,
            };
            self.signatures.push(decoded)?;
        }
        Ok(())
    }

    /// Reads signatures one after the other. If the scheme has the time first, they follow the time.
    fn list(&mut self, scheme: &Signature, text: &'a [u8], separator: u8) -> Result<(), VerifyError> {
        let mut elements = text.split(|byte| *byte == separator).map(<[u8]>::trim_ascii);
        if scheme.stamp.at == StampAt::First {
            self.timestamp = Cow::Borrowed(elements.next().unwrap_or_default());
        }
        for element in elements {
            let (claim, text) = claimed(scheme, element)?;
            self.signatures.push(sound(scheme, claim, text))?;
        }
        Ok(())
    }

    /// Reads the fields of one group.
    fn fields(
        &mut self,
        scheme: &Signature,
        line: &'a [u8],
        separator: u8,
        signatures: &[&str],
    ) -> Result<(), VerifyError> {
        let mut stamps = 0;
        for field in line.split(|byte| *byte == separator) {
            let Some(equals) = field.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = (field.get(..equals).unwrap_or_default(), field.get(equals + 1..).unwrap_or_default());
            let name = name.trim_ascii_start();
            if signatures.iter().any(|signature| name == signature.as_bytes()) {
                let (claim, _) = claimed(scheme, b"")?;
                self.signatures.push(sound(scheme, claim, value))?;
            } else if matches!(scheme.stamp.at, StampAt::Field(stamp) if name == stamp.as_bytes()) {
                // All groups must have the same time, because a signature belongs to the time of its own group.
                if !self.timestamp.is_empty() && *self.timestamp != *value {
                    return Err(VerifyError::Malformed("timestamp"));
                }
                (self.timestamp, stamps) = (Cow::Borrowed(value), stamps + 1);
            }
        }
        let wanted = i32::from(matches!(scheme.stamp.at, StampAt::Field(_)));
        match stamps == wanted {
            true => Ok(()),
            // There is one field that contains all others: the request uses another separator than the scheme.
            false if !line.contains(&separator) && line.iter().filter(|byte| **byte == b'=').count() > 1 => {
                Err(VerifyError::Malformed("signature's separator"))
            }
            false => Err(VerifyError::Malformed("timestamp")),
        }
    }
}

/// Returns the algorithm that a signature claims, and the rest of the text. If the scheme allows several, the prefix of the text
/// names one.
fn claimed<'t>(scheme: &Signature, text: &'t [u8]) -> Result<(Claim, &'t [u8]), VerifyError> {
    match scheme.algorithm {
        Algorithm::Hmac(hash) => Ok((Claim::Mac(hash), text)),
        Algorithm::Digest(hash) => Ok((Claim::Digest(hash), text)),
        Algorithm::Ed25519 => Ok((Claim::Ed25519, text)),
        Algorithm::EcdsaP256 => Ok((Claim::EcdsaP256 { raw: false }, text)),
        Algorithm::EcdsaP256Raw => Ok((Claim::EcdsaP256 { raw: true }, text)),
        Algorithm::Rsa(hash) => match hash.rsa() {
            Some(form) => Ok((Claim::Rsa(form), text)),
            None => Err(VerifyError::UnsupportedAlgorithm),
        },
        Algorithm::RsaPss => Ok((Claim::Rsa(RsaForm::PssSha256), text)),
        Algorithm::HmacNamed(hashes) => {
            let equals = text.iter().position(|byte| *byte == b'=').ok_or(VerifyError::Malformed("signature"))?;
            let (name, rest) = (text.get(..equals).unwrap_or_default(), text.get(equals + 1..).unwrap_or_default());
            let hash = hashes.iter().find(|hash| name == hash.name().as_bytes());
            hash.map(|hash| (Claim::Mac(*hash), rest)).ok_or(VerifyError::UnsupportedAlgorithm)
        }
    }
}

/// Whether an id is 1 to 128 of `A-Z a-z 0-9 _ -`. Such an id can be joined to other fields by a dot.
pub(crate) fn is_plain_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn sound(scheme: &Signature, claim: Claim, text: &[u8]) -> Option<(Claim, Decoded)> {
    let of_length = |decoded: &Decoded| scheme.any_length || claim.has_length(decoded.as_bytes().len());
    decode(claim, scheme.encoding, text).filter(|(_, decoded)| of_length(decoded))
}

fn decode(claim: Claim, encoding: Encoding, text: &[u8]) -> Option<(Claim, Decoded)> {
    let decoded = match claim {
        Claim::Rsa(_) => encoding.decode_long(text)?,
        _ => encoding.decode(text)?,
    };
    let is_der = claim == Claim::EcdsaP256 { raw: false };
    (!is_der || is_der_sequence(decoded.as_bytes())).then_some((claim, decoded))
}

/// Whether the bytes are exactly one DER sequence, and not the two bare numbers that other formats use.
fn is_der_sequence(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, length, rest @ ..] if usize::from(*length) == rest.len())
}

/// The value of a header that must occur exactly once.
fn single<'a>(received: &Received<'a>, name: &str, what: &'static str) -> Result<&'a [u8], VerifyError> {
    let mut lines = lines(received.headers, name);
    let value = lines.next().ok_or(VerifyError::Missing(what))?;
    if lines.next().is_some() || value.is_empty() { Err(VerifyError::Malformed(what)) } else { Ok(value) }
}
