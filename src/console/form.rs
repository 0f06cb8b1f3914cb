//! Reads forms and queries.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::caller::Caller;
use super::failure::Failure;
use super::state::Console;
use super::words;
use crate::clock::{Timestamp, TimestampError};
use crate::delivery::DeliveryState;
use crate::id::DeliveryId;
use crate::percent;

/// The fields of a form or a query, by name.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

/// The longest form, in bytes.
const MAX_FORM: usize = 1024 * 1024;

/// Maximum number of checked boxes that are read: no page shows more rows.
const MAX_CHOSEN: usize = 50;

impl Fields {
    fn read(form: &[u8]) -> Self {
        Self(percent::pairs(form).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Takes a field away.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// The text of a field without surrounding spaces; `None` if the field is absent or empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The text of a field as it was entered. A browser sends each line break as CR and LF.
    pub(super) fn lines(&self, name: &str) -> String {
        self.get(name).map(|text| text.replace("\r\n", "\n")).unwrap_or_default()
    }

    /// The value of a field; `None` if the field is absent or empty.
    pub(super) fn value<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.text(name).map(|text| text.parse().map_err(|error| invalid(name, &error))).transpose()
    }

    /// A time in UTC: as RFC 3339, as `2026-01-31T12:00`, or a day.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let forms = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z"), format!("{text}T00:00:00Z")];
        let read = forms.iter().find_map(|form| form.parse().ok());
        read.map(Some).ok_or(TimestampError).map_err(|error| invalid(name, &error))
    }

    /// The state that a list is limited to.
    pub(super) fn state(&self) -> Result<Option<DeliveryState>, Failure> {
        let unknown = || Failure::invalid("state: must be pending, delivered, failed, held or cancelled");
        self.text("state").map(|text| words::state_of(text).ok_or_else(unknown)).transpose()
    }

    /// The deliveries or jobs whose boxes are checked. The name of a box is an id. `what` names them in the error.
    pub(super) fn chosen(&self, what: &str) -> Result<Vec<DeliveryId>, Failure> {
        let ids: Vec<_> = self.0.iter().filter_map(|(name, _)| name.parse().ok()).take(MAX_CHOSEN).collect();
        match ids.is_empty() {
            true => Err(Failure::invalid(format!("{what}: none is chosen; check the boxes of some"))),
            false => Ok(ids),
        }
    }

    /// Whether a field is present: a box that is checked, or an empty text.
    pub(super) fn is_present(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

pub(super) fn invalid(name: &str, error: &impl Display) -> Failure {
    Failure::invalid(named(name, error))
}

/// The text of an error, preceded by the name of its field. Some errors already begin with this name.
pub(super) fn named(name: &str, error: &impl Display) -> String {
    let text = error.to_string();
    if text.starts_with(&format!("{name}: ")) { text } else { format!("{name}: {text}") }
}

/// A request that shows something.
pub(super) struct Shown(pub(super) Caller, pub(super) Fields);

impl FromRequest<Console> for Shown {
    type Rejection = Failure;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        let (mut parts, _) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, console).await?;
        Ok(Self(caller, Fields::read(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// A request that changes something: a form of one of our pages.
pub(super) struct Changed(pub(super) Caller, pub(super) Fields);

impl FromRequest<Console> for Changed {
    type Rejection = Failure;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, console).await?;
        let too_long =
            |_| Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The form has more than {MAX_FORM} bytes."));
        let fields = Fields::read(&to_bytes(body, MAX_FORM).await.map_err(too_long)?);
        caller.check_same_site(&parts.headers, &parts.uri, fields.text("token").unwrap_or_default())?;
        Ok(Self(caller, fields))
    }
}

/// The id in the path. A malformed id is treated as one that does not exist.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<Console> for Id<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let path = Path::<String>::from_request_parts(parts, console).await;
        let id = path.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(Failure::not_found)
    }
}
