//! Places in a request, and how the text at a place is read.

use std::borrow::Cow;

use http::HeaderMap;

use super::content;
use super::error::VerifyError;
use super::form::{Field, fields, fields_of_body};
use super::lookup::{Text, texts_at};
use super::received::Received;
use super::trust::Trust;
use super::{json, jws};

/// The place of an id, a type, a token or a challenge in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A header, named in lower case.
    Header(&'static str),
    /// A JSON Pointer (RFC 6901) into the JSON body, through objects and arrays: `/event/type`, `/0/id`.
    Json(&'static str),
    /// The header whose name is the value of this setting.
    HeaderOf(&'static str),
    /// The header whose name is the value of this setting. Without the setting, the second header (lower case).
    HeaderOr(&'static str, &'static str),
    /// The name of the first member of the JSON body (an object) that is not one of these. In Telegram's updates, it is the kind of the
    /// update.
    JsonMember {
        /// The members to skip.
        except: &'static [&'static str],
    },
    /// A field of a form-encoded body.
    Form(&'static str),
    /// A JSON Pointer into the JSON in a field of a form-encoded body.
    FormJson {
        /// The field.
        field: &'static str,
        /// The pointer into the JSON of the field.
        pointer: &'static str,
    },
    /// A parameter in the query of the request's URL.
    Query(&'static str),
    /// The listed name for the text at another place. There is no text if no name is listed for it.
    Named {
        /// The other place.
        at: &'static Self,
        /// The possible texts, each with its name.
        names: &'static [(&'static str, &'static str)],
    },
    /// The texts at these places, joined. There is no text if one of the places has none.
    Join {
        /// The separator between the texts.
        separator: &'static str,
        /// The places.
        places: &'static [Self],
    },
    /// A JSON Pointer into the payload of a JSON Web Token or JSON Web Signature. It is read after the token was checked.
    Claim {
        /// The place of the token.
        token: &'static Self,
        /// The pointer into its payload.
        pointer: &'static str,
    },
    /// The value of a setting of the receiver.
    Setting(&'static str),
}

impl Place {
    /// Returns the text at this place, or `None` if there is none. `what` names the text in errors.
    ///
    /// # Errors
    /// Returns [`VerifyError::Malformed`] if the place occurs twice, so that two parsers could read two values, or if its
    /// value is not a text.
    pub(crate) fn read<'a>(
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
            Self::Json(pointer) => owned(one(texts(received.body, &[pointer]), Ok(None)), malformed),
            Self::JsonMember { except } => owned(in_json(received.body, |json| json::member(json, except)), malformed),
            Self::Form(name) => once(fields_of_body(received.body, &[name])?, malformed),
            Self::FormJson { field: name, pointer } => {
                let Some(text) = once(fields_of_body(received.body, &[name])?, malformed)? else { return Ok(None) };
                owned(json::text_at(text.as_bytes(), pointer), malformed)
            }
            Self::Query(name) => {
                let query = received.uri.query().unwrap_or_default();
                once(fields(query.as_bytes(), &[name])?, malformed)
            }
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
                let payload = jws::payload(&text).ok_or(malformed)?;
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

/// Returns the only value of a header. A second value would be ambiguous, so it is an error. Bytes that are not UTF-8 are replaced:
/// no secret and no name equals the replacement, and an invalid header does not make an event fail.
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

/// Returns all values of a header.
pub(crate) fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(header, _)| header.as_str() == name).map(|(_, value)| value.as_bytes())
}

/// Returns all values of several headers, each with the name of its header. The values of one header are adjacent. Requests have about a
/// dozen headers, so looking at each header once is faster than hashing names.
pub(crate) fn lines_of<'a>(headers: &'a HeaderMap, names: &[&str]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    let lines = headers.iter().map(|(header, value)| (header.as_str(), value.as_bytes()));
    lines.filter(move |(header, _)| names.contains(header))
}

/// Looks into the body. If nothing is found there, looks into the [JSON inside](content::json_inside).
fn in_json<T>(
    body: &[u8],
    look: impl Fn(&[u8]) -> Result<Option<T>, json::Ambiguous>,
) -> Result<Option<T>, json::Ambiguous> {
    match look(body)? {
        Some(found) => Ok(Some(found)),
        None => content::json_inside(body).map_or(Ok(None), |inside| look(&inside)),
    }
}

/// Returns the texts at these pointers of the body. Pointers that cannot be read there are read in the [JSON inside](content::json_inside).
fn texts(body: &[u8], pointers: &[&str]) -> Vec<Result<Option<String>, json::Ambiguous>> {
    let mut all = texts_at(body, pointers);
    let unread = |text: &Text| *text == Text::Unread;
    if all.iter().any(unread)
        && let Some(inside) = content::json_inside(body)
    {
        let again = texts_at(&inside, pointers);
        all.iter_mut().zip(again).filter(|(text, _)| unread(text)).for_each(|(text, again)| *text = again);
    }
    let text = |text| match text {
        Text::Is(text) => Ok(Some(text)),
        Text::Absent | Text::Unread => Ok(None),
        Text::Ambiguous => Err(json::Ambiguous),
    };
    all.into_iter().map(text).collect()
}

/// Returns the element of a list of one, or `or` if the list is empty.
fn one<T>(list: Vec<T>, or: T) -> T {
    list.into_iter().next().unwrap_or(or)
}

fn once(fields: Vec<Field<'_>>, malformed: VerifyError) -> Result<Option<Cow<'_, str>>, VerifyError> {
    match one(fields, Field::Absent) {
        Field::Absent => Ok(None),
        Field::Once(text) => Ok(Some(text)),
        Field::Twice => Err(malformed),
    }
}

/// The texts at several places of the body, which is read once for all of them.
#[derive(Debug)]
pub(crate) struct Found<'a>(Vec<(Place, Looked<'a>)>);

/// The text at one place, or the reason why there is no result: the place is ambiguous (`None`), or the whole form is invalid.
type Looked<'a> = Result<Option<Cow<'a, str>>, Option<VerifyError>>;

impl<'a> Found<'a> {
    /// Creates an empty collection. Every place is then read when it is requested.
    pub(crate) const fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Reads the places that are in the body: its JSON is parsed once, and its form is parsed once.
    pub(crate) fn read(places: &[Place], received: &Received<'a>) -> Self {
        let (mut pointers, mut names) = (Vec::new(), Vec::new());
        for place in places {
            match place {
                Place::Json(pointer) if !pointers.contains(pointer) => pointers.push(*pointer),
                Place::Form(name) if !names.contains(name) => names.push(*name),
                _ => {}
            }
        }
        let mut all = Vec::with_capacity(pointers.len() + names.len());
        if !pointers.is_empty() {
            let texts = texts(received.body, &pointers).into_iter();
            let looked = texts.map(|text| text.map(|text| text.map(Cow::Owned)).map_err(|json::Ambiguous| None));
            all.extend(pointers.into_iter().map(Place::Json).zip(looked));
        }
        if !names.is_empty() {
            match fields_of_body(received.body, &names) {
                Ok(fields) => all.extend(names.into_iter().map(Place::Form).zip(fields.into_iter().map(looked))),
                Err(error) => all.extend(names.into_iter().map(|name| (Place::Form(name), Err(Some(error))))),
            }
        }
        Self(all)
    }

    /// Returns the text at a place, as [`Place::read`] does.
    pub(crate) fn text(
        &self,
        place: &Place,
        (received, trust): (&Received<'a>, &Trust<'a>),
        what: &'static str,
    ) -> Result<Option<Cow<'a, str>>, VerifyError> {
        match self.0.iter().find(|(known, _)| known == place) {
            Some((_, Ok(text))) => Ok(text.clone()),
            Some((_, Err(error))) => Err(error.unwrap_or(VerifyError::Malformed(what))),
            None => place.read(received, trust, what),
        }
    }
}

fn looked(field: Field<'_>) -> Looked<'_> {
    match field {
        Field::Absent => Ok(None),
        Field::Once(text) => Ok(Some(text)),
        Field::Twice => Err(None),
    }
}
