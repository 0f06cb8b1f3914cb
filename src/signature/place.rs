//! Where in a request something stands.

use std::borrow::Cow;

use http::HeaderMap;

use super::error::VerifyError;
use super::form::check_fields;
use super::{Received, Trust, content, multipart};
use super::{json, jwt};
use crate::work;

/// Where an id, a type, a token or a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In a header, named in lower case.
    Header(&'static str),
    /// In the JSON body, by JSON Pointer (RFC 6901) through objects and arrays: `/event/type`, `/0/id`.
    Json(&'static str),
    /// In the header whose name is this setting.
    HeaderOf(&'static str),
    /// In the header whose name is this setting; without it, in this one (lower case).
    HeaderOr(&'static str, &'static str),
    /// The name of the first member of the JSON body (an object) that is none of these: Telegram names the kind of an
    /// update so.
    JsonMember {
        /// The members that are not meant.
        except: &'static [&'static str],
    },
    /// In a form-encoded body.
    Form(&'static str),
    /// In JSON, by JSON Pointer, in a field of a form-encoded body.
    FormJson {
        /// The field.
        field: &'static str,
        /// The pointer in it.
        pointer: &'static str,
    },
    /// In the query of the request's URL.
    Query(&'static str),
    /// What stands there, under another name; nothing when no name is listed for it.
    Named {
        /// Where.
        at: &'static Self,
        /// What stands there, and the name for it.
        names: &'static [(&'static str, &'static str)],
    },
    /// In these places, joined; nothing when one of them has nothing.
    Join {
        /// What stands between them.
        separator: &'static str,
        /// The places.
        places: &'static [Self],
    },
    /// In the payload of a JSON Web Token or JSON Web Signature, by JSON Pointer. It is read after the token was checked.
    Claim {
        /// Where the token is.
        token: &'static Self,
        /// The pointer in its payload.
        pointer: &'static str,
    },
    /// In the receiver's own settings.
    Setting(&'static str),
}

impl Place {
    /// What stands there; `None` when nothing does. `what` names it in errors.
    ///
    /// # Errors
    /// When it stands there twice, so that two readers could see two values, or is no text.
    pub(super) fn read<'a>(
        &self,
        received: &Received<'a>,
        trust: &Trust<'a>,
        what: &'static str,
    ) -> Result<Option<Cow<'a, str>>, VerifyError> {
        let malformed = VerifyError::Malformed(what);
        match self {
            Self::Header(name) => header(received, name, malformed),
            Self::HeaderOf(setting) => {
                let name = trust.settings.need(setting)?.to_ascii_lowercase();
                header(received, &name, malformed)
            }
            Self::HeaderOr(setting, default) => {
                let name = trust.settings.get(setting).unwrap_or(default).to_ascii_lowercase();
                header(received, &name, malformed)
            }
            Self::Named { at, names } => {
                let Some(text) = at.read(received, trust, what)? else { return Ok(None) };
                let name = names.iter().find(|(from, _)| *from == text);
                Ok(name.map(|(_, name)| Cow::Borrowed(*name)))
            }
            Self::Json(pointer) => owned(in_json(received.body, |json| json::text_at(json, pointer)), malformed),
            Self::JsonMember { except } => owned(in_json(received.body, |json| json::member(json, except)), malformed),
            Self::Form(name) => form_field(received.body, name, malformed),
            Self::FormJson { field: name, pointer } => {
                let Some(text) = form_field(received.body, name, malformed)? else { return Ok(None) };
                owned(json::text_at(text.as_bytes(), pointer), malformed)
            }
            Self::Query(name) => field(received.uri.query().unwrap_or_default().as_bytes(), name, malformed),
            Self::Join { separator, places } => {
                let mut texts = Vec::with_capacity(places.len());
                for place in *places {
                    let Some(text) = place.read(received, trust, what)? else { return Ok(None) };
                    texts.push(text);
                }
                Ok(Some(Cow::Owned(texts.join(separator))))
            }
            Self::Claim { token, pointer } => {
                let Some(text) = token.read(received, trust, what)? else { return Ok(None) };
                let payload = jwt::payload(&text).ok_or(malformed)?;
                owned(json::text_at(&payload, pointer), malformed)
            }
            Self::Setting(name) => Ok(trust.settings.get(name).map(Cow::Borrowed)),
        }
    }
}

fn owned<'a>(
    found: Result<Option<String>, json::Ambiguous>,
    malformed: VerifyError,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    found.map(|text| text.map(Cow::Owned)).map_err(|json::Ambiguous| malformed)
}

/// The header's one value; a second one would make the event's name ambiguous. What is not UTF-8 is replaced: no secret and
/// no name equals the replacement, and an event is not lost for a header that is only read.
fn header<'a>(
    received: &Received<'a>,
    name: &str,
    malformed: VerifyError,
) -> Result<Option<Cow<'a, str>>, VerifyError> {
    let mut lines = lines(received.headers, name);
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(malformed);
    }
    Ok(Some(String::from_utf8_lossy(line)))
}

/// The lines of a header.
pub(super) fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(header, _)| header.as_str() == name).map(|(_, value)| value.as_bytes())
}

/// The lines of several headers, each with its name; those of one stand together. Requests have a dozen headers: looking at
/// each once is faster than hashing names.
pub(super) fn lines_of<'a>(headers: &'a HeaderMap, names: &[&str]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let lines = headers.iter().map(|(header, value)| (header.as_str(), value.as_bytes()));
    lines.filter(move |(header, _)| names.contains(header))
}

/// Looks into the body; where it holds nothing, into the [JSON inside](content::json_inside).
fn in_json<T>(
    body: &[u8],
    look: impl Fn(&[u8]) -> Result<Option<T>, json::Ambiguous>,
) -> Result<Option<T>, json::Ambiguous> {
    match look(body)? {
        Some(found) => Ok(Some(found)),
        None => content::json_inside(body).map_or(Ok(None), |inside| look(&inside)),
    }
}

/// A field of a form, urlencoded or in parts.
fn form_field<'a>(body: &'a [u8], name: &str, malformed: VerifyError) -> Result<Option<Cow<'a, str>>, VerifyError> {
    match multipart::values(body, name) {
        None => field(body, name, malformed),
        Some(values) if values.len() > 1 => Err(malformed),
        Some(values) => Ok(values.into_iter().next().map(Cow::Owned)),
    }
}

fn field<'a>(form: &'a [u8], name: &str, malformed: VerifyError) -> Result<Option<Cow<'a, str>>, VerifyError> {
    work::spent(form.len());
    check_fields(form)?;
    let mut values = form_urlencoded::parse(form).filter(|(field, _)| field == name);
    let value = values.next().map(|(_, value)| value);
    if values.next().is_some() { Err(malformed) } else { Ok(value) }
}
