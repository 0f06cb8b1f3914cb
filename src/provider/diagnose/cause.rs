//! The causes of a failed check, each with its remedy.

use std::fmt;
use std::mem::discriminant;

use crate::signature::VerifyError;

/// What is wrong with a request, its keys or its settings. `Display` writes the cause and the remedy. The text never contains a
/// part of a secret, a signature or a payload.
///
/// ```
/// use hookwire::provider::diagnose::Cause;
///
/// assert_eq!(Cause::EmptyBody.name(), "empty_body");
/// assert!(Cause::EmptyBody.to_string().starts_with("body: is empty"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The request is valid.
    Valid,
    /// The signature is valid. The signed time is this many seconds ahead of the clock, or behind it if the number is negative.
    Clock(i64),
    /// The signature is valid, but another check fails.
    Rejected(VerifyError),
    /// The request was signed with another key that is known.
    OtherKey,
    /// The request was signed with a key that has retired.
    RetiredKey,
    /// White space or a line break is part of the key of one side only.
    SecretWhiteSpace,
    /// Quotes are part of the secret.
    SecretQuotes,
    /// The prefix of the secret is missing, or a prefix was added to it.
    SecretPrefix,
    /// One side uses the secret's text and the other the bytes that it encodes, or decodes it by another alphabet.
    SecretEncoding,
    /// The event seems to be of the other mode (test or live) than the secret.
    OtherMode,
    /// No key fits, and nothing else is suspicious.
    WrongSecret,
    /// The body is empty.
    EmptyBody,
    /// A line break or white space at an end of the body was added or removed.
    TrailingNewline,
    /// The line breaks of the body were changed.
    LineEndings,
    /// A byte order mark was added or removed.
    ByteOrderMark,
    /// The body was converted to another character set.
    Charset,
    /// The body was compressed after it was signed.
    Compressed,
    /// The body was decompressed before it was checked, and its compressed form was signed.
    Decompressed,
    /// The body was encoded as base64, as a JSON string or as HTML.
    Wrapped,
    /// The body is a form that was decoded, or encoded again.
    Form,
    /// The body was parsed, and written with other spaces.
    JsonSpaces,
    /// The body was parsed, and its characters were escaped in another way.
    JsonEscapes,
    /// The body was parsed, and its numbers were written in another way.
    JsonNumbers,
    /// The body was parsed, and its keys were put in another order.
    JsonOrder,
    /// The body has another length than the request announced.
    BodyLength,
    /// The time is in another unit.
    TimestampUnit,
    /// A header that the scheme needs is missing.
    HeaderMissing,
    /// A header arrived under another name.
    HeaderName,
    /// A header occurs twice.
    HeaderDuplicate,
    /// The text before the signature was added, removed or replaced.
    HeaderPrefix,
    /// The signature is written in another encoding.
    HeaderEncoding,
    /// The signature was made by another hash function.
    Algorithm,
    /// The signature covers other content than the scheme defines.
    SignedContent,
    /// The provider signed the URL with another scheme: `http` and `https`.
    UrlScheme,
    /// The provider signed the URL with another host or port.
    UrlHost,
    /// The provider signed the URL with another path.
    UrlPath,
    /// The query was changed or put in another order.
    UrlQuery,
    /// The request fits the scheme of another provider.
    OtherScheme(&'static str),
}

impl Cause {
    /// Its name for programs: `trailing_newline`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    fn texts(self) -> (&'static str, &'static str) {
        let is_it = |other: &Self| discriminant(other) == discriminant(&self);
        TEXTS.iter().find(|(cause, ..)| is_it(cause)).map_or(("", ""), |(_, name, text)| (*name, *text))
    }
}

/// The name of each cause for programs, and its text. The text is empty here if the displayed text contains data of the request.
const TEXTS: &[(Cause, &str, &str)] = &[
    (Cause::Valid, "valid", "request: is valid"),
    (Cause::Clock(0), "clock", ""),
    (Cause::Rejected(VerifyError::NoKey), "rejected", ""),
    (
        Cause::OtherKey,
        "other_key",
        "secret: the request was signed with another secret that is configured here: exchange the two, or accept both",
    ),
    (
        Cause::RetiredKey,
        "retired_key",
        "secret: the request was signed with a secret that has retired: rotate with a longer overlap",
    ),
    (
        Cause::SecretWhiteSpace,
        "secret_white_space",
        "secret: white space or a line break is part of the sender's copy: set the secret again on both sides, without it",
    ),
    (Cause::SecretQuotes, "secret_quotes", "secret: the quotes around it are part of one copy: remove them"),
    (
        Cause::SecretPrefix,
        "secret_prefix",
        "secret: its prefix is missing, or a prefix was added: copy the whole secret as the provider shows it",
    ),
    (
        Cause::SecretEncoding,
        "secret_encoding",
        "secret: one side uses its text and the other the bytes that it encodes (base64 or hexadecimal): decode it as the \
                 provider documents",
    ),
    (
        Cause::OtherMode,
        "other_mode",
        "secret: does not fit, and the event is of test mode: test mode and live mode have different secrets; use the \
                 secret of the event's mode",
    ),
    (
        Cause::WrongSecret,
        "wrong_secret",
        "secret: did not make this signature: copy the secret of this very endpoint from the provider's page again",
    ),
    (
        Cause::EmptyBody,
        "empty_body",
        "body: is empty: something before the check has read it; check the signature first, outermost",
    ),
    (
        Cause::TrailingNewline,
        "trailing_newline",
        "body: a line break or white space at its end was added or removed: check the bytes as received, without trimming",
    ),
    (
        Cause::LineEndings,
        "line_endings",
        "body: its line breaks were changed (LF and CRLF): check the bytes as received, not a text file or an editor's copy",
    ),
    (
        Cause::ByteOrderMark,
        "byte_order_mark",
        "body: a byte order mark was added or removed: check the bytes as received, not a decoded text",
    ),
    (
        Cause::Charset,
        "charset",
        "body: was converted to another character set: check the bytes as received, not a decoded text",
    ),
    (Cause::Compressed, "compressed", "body: was compressed after it was signed: decompress it, then check it"),
    (
        Cause::Decompressed,
        "decompressed",
        "body: was decompressed before the check, and the compressed bytes were signed: check first, outermost",
    ),
    (
        Cause::Wrapped,
        "wrapped",
        "body: is encoded once more (base64 of a gateway, a JSON string or HTML): decode it, then check it",
    ),
    (
        Cause::Form,
        "form",
        "body: is a form that was decoded or encoded again: check the bytes as received, before any form is read",
    ),
    (
        Cause::JsonSpaces,
        "json_spaces",
        "body: was parsed and written again with other spaces: check the bytes as received, before any JSON is read",
    ),
    (
        Cause::JsonEscapes,
        "json_escapes",
        "body: was parsed and written again with other escapes: check the bytes as received, before any JSON is read",
    ),
    (
        Cause::JsonNumbers,
        "json_numbers",
        "body: was parsed and its numbers were written again: check the bytes as received, before any JSON is read",
    ),
    (
        Cause::JsonOrder,
        "json_order",
        "body: was parsed and written again with its keys in another order: check the bytes as received, before any JSON \
                 is read",
    ),
    (
        Cause::BodyLength,
        "body_length",
        "body: has another length than the request announced: something before the check has changed it; check first, \
                 outermost",
    ),
    (
        Cause::TimestampUnit,
        "timestamp_unit",
        "timestamp: is in another unit (seconds and milliseconds): send it as the scheme documents",
    ),
    (
        Cause::HeaderMissing,
        "header_missing",
        "header: one that the scheme needs is missing: have the proxy pass it, and set a secret at the provider so that it \
                 signs",
    ),
    (
        Cause::HeaderName,
        "header_name",
        "header: arrives under another name: have the proxy or the adapter pass names unchanged",
    ),
    (
        Cause::HeaderDuplicate,
        "header_duplicate",
        "header: occurs twice, or two lines were joined: have the proxy pass it once",
    ),
    (
        Cause::HeaderPrefix,
        "header_prefix",
        "header: the text before the signature is missing or another one: pass the header's value unchanged",
    ),
    (
        Cause::HeaderEncoding,
        "header_encoding",
        "header: the signature is written in another encoding (hexadecimal and base64): write it as the scheme documents",
    ),
    (
        Cause::Algorithm,
        "algorithm",
        "signature: was made by another hash function: sign with the one that the scheme documents",
    ),
    (
        Cause::SignedContent,
        "signed_content",
        "signature: covers other pieces of the request: sign what the scheme documents, in its order",
    ),
    (
        Cause::UrlScheme,
        "url_scheme",
        "URL: was signed with another scheme: set the URL as the provider has it (https behind a proxy that ends TLS)",
    ),
    (Cause::UrlHost, "url_host", "URL: was signed with another host or port: set the URL as the provider has it"),
    (
        Cause::UrlPath,
        "url_path",
        "URL: was signed with another path: a proxy or a nested router has changed it; set the whole URL as the provider \
                 has it",
    ),
    (
        Cause::UrlQuery,
        "url_query",
        "URL: its query was changed or put in another order: check the request target as received",
    ),
    (Cause::OtherScheme(""), "other_scheme", ""),
];

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock(skew) if *skew < 0 => write!(
                f,
                "timestamp: is {} s old: the signature is good; if new requests fail like this, set this machine's clock; if it is \
                 an old request, it is a replay or a late retry",
                skew.unsigned_abs()
            ),
            Self::Clock(skew) => write!(
                f,
                "timestamp: is {skew} s in the future: the signature is good; set this machine's clock, or the sender's"
            ),
            Self::Rejected(error) => write!(f, "{error}"),
            Self::OtherScheme(name) => {
                write!(f, "source: the request is signed as `{name}` signs: use that provider's source for this route")
            }
            other => f.write_str(other.texts().1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_has_a_name_and_a_text_with_a_remedy() {
        let names: BTreeSet<_> = TEXTS.iter().map(|(cause, ..)| cause.name()).collect();
        assert_eq!(names.len(), TEXTS.len());
        for (cause, ..) in TEXTS.iter().filter(|(cause, ..)| !matches!(cause, Cause::Valid | Cause::Rejected(_))) {
            let text = cause.to_string();
            assert!(text.matches(": ").count() >= 2, "what, what is wrong with it, what to do: {text}");
        }
    }
}
