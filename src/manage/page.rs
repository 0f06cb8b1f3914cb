//! Lists, a page at a time.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;

/// Most items of a page.
pub(super) const MAX_PAGE: u32 = 100;

/// Items of a page where the client does not say.
pub(super) const PAGE: u32 = 50;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed<T> {
    items: Vec<T>,
    /// What to ask for as `cursor` to get the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// How many items are asked for.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Problem::invalid("limit", format!("must be 1 to {MAX_PAGE}"))),
    }
}

impl<T> Listed<T> {
    /// Of one more item than the page has room for, where there are so many.
    pub(super) fn of<I>(found: Vec<I>, limit: u32, cursor: impl Fn(&I) -> String, document: impl Fn(&I) -> T) -> Self {
        let room = limit as usize;
        let last = if found.len() > room { found.get(room - 1) } else { None };
        Self { next_cursor: last.map(cursor), items: found.iter().take(room).map(document).collect() }
    }
}
