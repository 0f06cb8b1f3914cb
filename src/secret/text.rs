//! Reads the text of a secret as people copy it: ignores white space around it, and reports common mistakes with their remedies.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::error::{KeyError, MAX_TEXT_BYTES};

/// Padding is optional, because some providers show secrets without it.
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, PADDING);

pub(super) const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, PADDING);

/// The prefix of a credential of another kind, and the text after "is" in the error: its kind and the credential to use instead.
pub(crate) type Foreign = (&'static str, &'static str);

const API_KEY: &str = "an API key: use the webhook's signing secret, which begins with whsec_";
const PEM: &str = "a PEM file: use the secret, which is a text";

/// Credentials that are not Standard Webhooks keys.
pub(super) const NOT_STANDARD: &[Foreign] = &[
    ("sk_", API_KEY),
    ("rk_", API_KEY),
    ("pk_", "a publishable key: use the webhook's signing secret, which begins with whsec_"),
    ("sk-", API_KEY),
    ("re_", API_KEY),
    ("-----BEGIN", PEM),
];

/// Credentials that are not text secrets.
pub(super) const NOT_TEXT: &[Foreign] =
    &[("-----BEGIN", PEM), ("v1,whsec_", "a secret with its version before it: remove the text before whsec_")];

/// Returns the text without white space around it and without a byte order mark.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_ascii().trim_start_matches('\u{feff}').trim_ascii()
}

/// Fails with [`KeyError::WrongKind`] if the text begins like a credential of another kind.
pub(crate) fn refuse_foreign(text: &str, foreign: &[Foreign]) -> Result<(), KeyError> {
    let found = foreign.iter().find(|(beginning, _)| text.starts_with(beginning));
    found.map_or(Ok(()), |(_, kind)| Err(KeyError::WrongKind(kind)))
}

/// Returns the text without white space around it. Fails if it cannot be a secret of any kind.
pub(super) fn clean(text: &str) -> Result<&str, KeyError> {
    const PLACEHOLDERS: [&str; 6] = ["changeme", "change_me", "placeholder", "whsec_", "undefined", "null"];
    let text = trimmed(text);
    if text.trim().is_empty() {
        Err(KeyError::Empty)
    } else if text.len() > MAX_TEXT_BYTES {
        Err(KeyError::TooLong)
    } else if is_quoted(text) {
        Err(KeyError::Quoted)
    } else if is_repeated(text) || PLACEHOLDERS.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Err(KeyError::Placeholder)
    } else {
        Ok(text)
    }
}

pub(super) fn is_quoted(text: &str) -> bool {
    const QUOTES: [(char, char); 5] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];
    text.chars().count() > 1 && QUOTES.iter().any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
}

/// Returns whether the text repeats one character.
fn is_repeated(text: &str) -> bool {
    let body = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=').as_bytes();
    matches!(body, [first, rest @ ..] if rest.iter().all(|byte| byte == first))
}

/// Decodes standard base64. For URL-safe base64 there is a separate error, because libraries decode such a secret differently.
pub(super) fn decode_base64(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match BASE64.decode(text) {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(_) if BASE64_URL.decode(text).map(Zeroizing::new).is_ok() => Err(KeyError::UrlSafe),
        Err(_) => Err(KeyError::Encoding("standard base64")),
    }
}

pub(super) fn decode_hex(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    hex::decode(text).map(Zeroizing::new).map_err(|_| KeyError::Encoding("hexadecimal"))
}

/// Decodes the DER of a public key: base64 with or without the lines of PEM around it.
pub(super) fn pem_body(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyError::WrongKind("a private key: use the public one"));
    }
    if text.contains("CERTIFICATE-----") {
        return Err(KeyError::WrongKind("a certificate: use the public key alone"));
    }
    private_pem_body(text)
}

/// Decodes the DER of a private key in the same form.
pub(super) fn private_pem_body(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let lines = trimmed(text).lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let body: Zeroizing<String> = Zeroizing::new(lines.collect());
    decode_base64(clean(&body)?)
}

/// Decodes base64 of either alphabet, padded or not, in one or more lines, with or without the lines of PEM around it.
pub(super) fn decode_lines(text: &str) -> Option<Vec<u8>> {
    let body: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(&body).or_else(|_| BASE64_URL.decode(&body)).ok()
}
