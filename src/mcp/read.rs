//! Reads arguments. An error names the invalid one.

use std::str::FromStr;

use super::failure::Failure;
use crate::id::EndpointId;

/// Maximum number of items in a page.
const MAX_PAGE: u32 = 50;

/// The id of an endpoint, which tools call a callback. A malformed id is treated as one that does not exist.
pub(super) fn endpoint_id(text: &str) -> Result<EndpointId, Failure> {
    text.parse().map_err(|_| Failure::not_found())
}

pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(field: &'static str, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error| Failure::invalid(field, error))
}

/// Like [`parse`], for an argument that may be left out.
pub(super) fn maybe<T>(field: &'static str, text: Option<&str>) -> Result<Option<T>, Failure>
where
    T: FromStr<Err: std::fmt::Display>,
{
    text.map(|text| parse(field, text)).transpose()
}

pub(super) fn page(limit: Option<u32>) -> Result<u32, Failure> {
    match limit.unwrap_or(MAX_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Failure::invalid("limit", format!("must be 1 to {MAX_PAGE}"))),
    }
}

/// Cuts a list to the length of a page. Returns the page, and the cursor of the next one if `found` has more.
pub(super) fn cut<T>(found: &[T], limit: u32, cursor: impl Fn(&T) -> String) -> (&[T], Option<String>) {
    let free = limit as usize;
    match found.split_at_checked(free) {
        Some((shown, more)) if !more.is_empty() => (shown, shown.last().map(cursor)),
        _ => (found, None),
    }
}
