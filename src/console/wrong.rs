//! The malformed fields of a filter: the page comes back with what was entered, and with a message beside each of them.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::failure::{Failure, page};

/// The names of the malformed fields, and what is wrong with each.
#[derive(Debug, Default)]
pub(super) struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    /// The value of a field; `None` if it is absent or malformed, which is noted.
    pub(super) fn or_note<T>(&mut self, name: &'static str, read: Result<Option<T>, Failure>) -> Option<T> {
        read.unwrap_or_else(|failure| {
            self.note(name, failure.text());
            None
        })
    }

    pub(super) fn note(&mut self, name: &'static str, text: &str) {
        self.0.push((name, text.to_owned()));
    }

    /// What is wrong with a field.
    pub(super) fn of(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, text)| &**text)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the page of the form.
    pub(super) fn page(is_correct: bool, template: &impl Template) -> Result<Response, Failure> {
        let status = if is_correct { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        Ok((status, page(template)?).into_response())
    }
}
