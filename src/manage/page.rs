//! Lists, a page at a time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::store::Page;

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

/// From which end a list is read: the newest first, unless said otherwise.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl Order {
    /// A page with room for one item more than is shown, which tells whether there is another page.
    pub(super) fn page<C>(self, limit: u32, after: Option<C>) -> Page<C> {
        let page = Page::of(limit + 1).after(after);
        match self {
            Self::NewestFirst => page.newest_first(),
            Self::OldestFirst => page,
        }
    }
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
