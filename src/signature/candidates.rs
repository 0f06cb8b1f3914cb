//! What a request presents: signatures, time and id, parsed and bounded, nothing checked yet.

use http::HeaderMap;

use super::encoding::Decoded;
use super::error::VerifyError;
use super::scheme::{Encoding, Grammar, Part, Scheme, Stamp};

/// Most signatures looked at in one request.
const MAX_SIGNATURES: usize = 16;

/// Most bytes of signature header looked at.
const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Most digits of a timestamp: enough for the year 33,658.
const MAX_TIMESTAMP_DIGITS: usize = 12;

/// What algorithm a presented signature claims to be of. The key decides whether it is even looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hmac,
    Ed25519,
}

/// The signatures of one request, at most [`MAX_SIGNATURES`] of them, without allocation.
pub(super) struct Signatures {
    list: [Option<(Algorithm, Decoded)>; MAX_SIGNATURES],
    count: usize,
}

impl Signatures {
    const fn new() -> Self {
        Self { list: [const { None }; MAX_SIGNATURES], count: 0 }
    }

    /// Counts every element, decodable or not, so that the cap is on the work, not on the luck.
    fn push(&mut self, signature: Option<(Algorithm, Decoded)>) -> Result<(), VerifyError> {
        let slot = self.list.get_mut(self.count).ok_or(VerifyError::Malformed("signature"))?;
        *slot = signature;
        self.count += 1;
        Ok(())
    }

    pub(super) fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &[u8]> {
        let taken = self.list.iter().take(self.count).flatten();
        taken.filter(move |(of, _)| *of == algorithm).map(|(_, decoded)| decoded.as_bytes())
    }

    fn is_empty(&self) -> bool {
        self.list.iter().take(self.count).all(Option::is_none)
    }
}

/// What a request presents.
pub(super) struct Presented<'a> {
    pub(super) signatures: Signatures,
    /// Digits, as received.
    pub(super) timestamp: &'a [u8],
    pub(super) id: &'a [u8],
}

impl<'a> Presented<'a> {
    pub(super) const fn new() -> Self {
        Self { signatures: Signatures::new(), timestamp: b"", id: b"" }
    }

    /// In place: more than a kilobyte would be moved otherwise.
    pub(super) fn read(&mut self, scheme: &Scheme, headers: &'a HeaderMap) -> Result<(), VerifyError> {
        if let Some(name) = scheme.id_header {
            self.id = single(headers, name, "event id")?;
            if scheme.signed.contains(&Part::PlainId) && !is_plain_id(self.id) {
                return Err(VerifyError::Malformed("event id"));
            }
        }
        if let Stamp::Header(name) = scheme.stamp {
            self.timestamp = single(headers, name, "timestamp")?;
        }
        self.read_signatures(scheme, headers)?;
        if scheme.stamp != Stamp::None {
            check_digits(self.timestamp)?;
        }
        Ok(())
    }

    fn read_signatures(&mut self, scheme: &Scheme, headers: &'a HeaderMap) -> Result<(), VerifyError> {
        let mut lines = scheme.headers.iter().flat_map(|name| headers.get_all(*name)).map(http::HeaderValue::as_bytes);
        let first = lines.next().ok_or(VerifyError::Missing("signature"))?;
        let mut budget = MAX_HEADER_BYTES;
        let mut spend = |line: &[u8]| {
            budget = budget.checked_sub(line.len()).ok_or(VerifyError::Malformed("signature"))?;
            Ok(())
        };
        spend(first)?;
        match scheme.grammar {
            Grammar::Versioned => {
                self.versioned(first, scheme.encoding)?;
                // RFC 9110 section 5.3: several lines are one list.
                for line in lines {
                    spend(line)?;
                    self.versioned(line, scheme.encoding)?;
                }
                return if self.signatures.count == 0 { Err(VerifyError::Missing("signature")) } else { Ok(()) };
            }
            _ if lines.next().is_some() => return Err(VerifyError::Malformed("signature")),
            Grammar::Plain { prefix } => {
                let text = first.strip_prefix(prefix.as_bytes()).ok_or(VerifyError::Malformed("signature"))?;
                self.signatures.push(decode(Algorithm::Hmac, scheme.encoding, text))?;
            }
            Grammar::Fields { signature } => self.fields(first, signature, scheme)?,
        }
        if self.signatures.is_empty() { Err(VerifyError::Malformed("signature")) } else { Ok(()) }
    }

    /// `v1,<signature>` elements separated by ASCII white space, each perhaps followed by a comma where a proxy has joined
    /// two lines. What is malformed or of another version is skipped.
    fn versioned(&mut self, line: &[u8], encoding: Encoding) -> Result<(), VerifyError> {
        let elements = line.split(u8::is_ascii_whitespace).filter(|element| !element.is_empty());
        for element in elements {
            let element = element.strip_suffix(b",").unwrap_or(element);
            let decoded = match element.split(|byte| *byte == b',').next() {
                Some(b"v1") => element.get(3..).and_then(|text| decode(Algorithm::Hmac, encoding, text)),
                Some(b"v1a") => element.get(4..).and_then(|text| decode(Algorithm::Ed25519, encoding, text)),
                _ => None,
            };
            self.signatures.push(decoded)?;
        }
        Ok(())
    }

    fn fields(&mut self, line: &'a [u8], signature: &str, scheme: &Scheme) -> Result<(), VerifyError> {
        let mut stamps = 0;
        for field in line.split(|byte| *byte == b',') {
            let Some(equals) = field.iter().position(|byte| *byte == b'=') else { continue };
            let (name, value) = (field.get(..equals).unwrap_or_default(), field.get(equals + 1..).unwrap_or_default());
            if name == signature.as_bytes() {
                self.signatures.push(decode(Algorithm::Hmac, scheme.encoding, value))?;
            } else if matches!(scheme.stamp, Stamp::Field(stamp) if name == stamp.as_bytes()) {
                (self.timestamp, stamps) = (value, stamps + 1);
            }
        }
        let wanted = i32::from(matches!(scheme.stamp, Stamp::Field(_)));
        if stamps == wanted { Ok(()) } else { Err(VerifyError::Malformed("timestamp")) }
    }
}

/// 1 to 128 of `A-Z a-z 0-9 _ -`: what an id may be where it is joined to other fields by a dot.
pub(super) fn is_plain_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn decode(algorithm: Algorithm, encoding: Encoding, text: &[u8]) -> Option<(Algorithm, Decoded)> {
    encoding.decode(text).map(|decoded| (algorithm, decoded))
}

/// The one value of a header that must stand once.
fn single<'a>(headers: &'a HeaderMap, name: &str, what: &'static str) -> Result<&'a [u8], VerifyError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(VerifyError::Missing(what))?.as_bytes();
    if values.next().is_some() || value.is_empty() { Err(VerifyError::Malformed(what)) } else { Ok(value) }
}

/// `[1-9][0-9]*`, bounded: no sign, space, fraction, leading zero or foreign digit, so that the text and the number
/// are the same thing.
fn check_digits(text: &[u8]) -> Result<(), VerifyError> {
    let sound = matches!(text.first(), Some(b'1'..=b'9'))
        && text.len() <= MAX_TIMESTAMP_DIGITS
        && text.iter().all(u8::is_ascii_digit);
    if sound { Ok(()) } else { Err(VerifyError::Malformed("timestamp")) }
}
