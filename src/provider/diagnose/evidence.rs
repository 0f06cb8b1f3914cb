//! What the request itself shows if no undone change makes the signature fit.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use super::case::Case;
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::headers::{bare, has_signature_of};
use super::json;
use crate::provider::scheme::{Proof, Scheme};
use crate::signature::{Place, VerifyError};

/// The most likely cause.
pub(super) fn judge(case: &Case<'_>, error: VerifyError) -> Diagnosis {
    of_headers(case, error).or_else(|| of_body(case)).unwrap_or_else(|| match error {
        VerifyError::BadSignature | VerifyError::BadToken | VerifyError::NoKey => of_mode(case),
        VerifyError::BodyMismatch => Diagnosis::likely(Cause::BodyLength),
        error => Diagnosis::proved(Cause::Rejected(error)),
    })
}

/// Reports an empty body, if the scheme reads the body and the request did not announce an empty one.
pub(super) fn empty_body(case: &Case<'_>) -> Option<Diagnosis> {
    let is_in_header =
        |place: &Place| matches!(place, Place::Header(_) | Place::HeaderOf(_) | Place::HeaderOr(..) | Place::Query(_));
    let reads_body = match &case.scheme.proof {
        Proof::Token(tokens) => tokens.iter().any(|token| !is_in_header(&token.at)),
        Proof::Jwt(jwt) => case.scheme.covers_body() || jwt.at.iter().any(|token| !is_in_header(&token.at)),
        Proof::Signature(_) | Proof::Code(_) => true,
        Proof::Nothing => false,
    };
    let is_suspicious = case.received.body.is_empty() && reads_body && announced(case) != Some(0);
    is_suspicious.then(|| Diagnosis::likely(Cause::EmptyBody))
}

fn announced(case: &Case<'_>) -> Option<usize> {
    case.header(CONTENT_LENGTH.as_str())?.parse().ok()
}

/// Missing or malformed headers.
fn of_headers(case: &Case<'_>, error: VerifyError) -> Option<Diagnosis> {
    let (VerifyError::Missing(what) | VerifyError::Malformed(what)) = error else { return None };
    let headers = case.received.headers;
    let names = case.known_headers();
    let missing = names.iter().find(|name| !headers.contains_key(*name));
    if let Some(name) = case.headers().iter().find(|name| headers.get_all(*name).iter().count() > 1) {
        return Some(Diagnosis::likely(Cause::HeaderDuplicate).detailed(name.as_str()));
    }
    if let Some(name) = missing
        && headers.keys().any(|other| bare(other.as_str()) == bare(name.as_str()))
    {
        return Some(Diagnosis::likely(Cause::HeaderName).detailed(name.as_str()));
    }
    let has_own = has_signature_of(case.scheme, headers);
    let other = Scheme::all().find(|other| has_signature_of(other, headers));
    match (matches!(error, VerifyError::Missing(_)), other) {
        (true, Some(other)) if !has_own => Some(Diagnosis::likely(Cause::OtherScheme(other.name()))),
        (true, _) => {
            let name = missing.map_or(what, |name| name.as_str());
            Some(Diagnosis::likely(Cause::HeaderMissing).detailed(name.to_owned()))
        }
        (false, _) if what == "timestamp" => Some(Diagnosis::likely(Cause::TimestampUnit)),
        (false, _) if what == "signature" || what == "token" => Some(Diagnosis::likely(Cause::HeaderPrefix)),
        (false, _) => None,
    }
}

fn of_body(case: &Case<'_>) -> Option<Diagnosis> {
    let body = case.received.body;
    let announced = announced(case);
    let is_compressed = body.starts_with(&[0x1f, 0x8b]) || body.first() == Some(&0x78);
    let coding = case.header(CONTENT_ENCODING.as_str()).map(str::to_ascii_lowercase);
    if matches!(coding.as_deref(), Some("gzip" | "x-gzip" | "deflate" | "br" | "zstd")) && !is_compressed {
        return Some(Diagnosis::likely(Cause::Decompressed));
    }
    if String::from_utf8_lossy(body).contains('\u{fffd}') && !is_compressed {
        return Some(Diagnosis::likely(Cause::Charset));
    }
    let kind = case.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
    let is_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    if (kind.contains("x-www-form-urlencoded") && is_json) || (kind.contains("json") && is_form(body)) {
        return Some(Diagnosis::likely(Cause::Form));
    }
    if is_json && json::is_sorted(body) {
        return Some(Diagnosis::likely(Cause::JsonOrder));
    }
    let differs = announced.filter(|announced| *announced != body.len())?;
    let detail = format!("{differs} bytes were announced, {} arrived", body.len());
    Some(Diagnosis::likely(Cause::BodyLength).detailed(detail))
}

fn is_form(body: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]%+*".contains(byte);
    let name = body.split(|byte| *byte == b'=').next().unwrap_or_default();
    body.contains(&b'=') && !name.is_empty() && name.iter().all(plain)
}

/// The cause is the other mode if the event names test mode, and otherwise a wrong secret.
fn of_mode(case: &Case<'_>) -> Diagnosis {
    const TEST: [&str; 6] = [
        r#""livemode":false"#,
        r#""live_mode":false"#,
        r#""test_mode":true"#,
        r#""testmode":true"#,
        r#""environment":"sandbox""#,
        r#""sandbox":true"#,
    ];
    let body: String = String::from_utf8_lossy(case.received.body).split_ascii_whitespace().collect();
    if TEST.iter().any(|mark| body.to_ascii_lowercase().contains(mark)) {
        return Diagnosis::likely(Cause::OtherMode);
    }
    let wrong = Diagnosis::likely(Cause::WrongSecret);
    match case.scheme.url_name() {
        Some(setting) => wrong.detailed(format!("or the provider has another URL: compare the setting `{setting}`")),
        None => wrong,
    }
}
