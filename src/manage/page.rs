//! Lists with pages.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::store::{self, Page};

/// Maximum number of items of a page.
pub(super) const MAX_PAGE: u32 = 100;

/// The number of items of a page by default.
pub(super) const PAGE: u32 = 50;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed<T> {
    /// The items. There may be fewer than the limit, or none, although the list goes on: a request searches only a part of a long list.
    items: Vec<T>,
    /// The `cursor` of the next page; `null` only on the last page. Follow it until it is `null`, also if a page is short or empty.
    next_cursor: Option<String>,
}

/// The order of a list: newest first by default.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

impl Order {
    pub(super) fn page<C>(self, limit: u32, after: Option<C>) -> Page<C> {
        let page = Page::of(limit).after(after);
        match self {
            Self::NewestFirst => page.newest_first(),
            Self::OldestFirst => page,
        }
    }
}

/// Reads the number of items that the client asks for.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    match asked.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(Problem::invalid("limit", format!("must be 1 to {MAX_PAGE}"))),
    }
}

impl<T> Listed<T> {
    /// The page that the store has found.
    pub(super) fn found<I, C: ToString>(found: store::Listed<I, C>, document: impl Fn(&I) -> T) -> Self {
        Self { next_cursor: found.next.map(|next| next.to_string()), items: found.items.iter().map(document).collect() }
    }

    /// Makes a page of the first `limit` items. There is a next page if more were found.
    pub(super) fn of<I>(found: Vec<I>, limit: u32, cursor: impl Fn(&I) -> String, document: impl Fn(&I) -> T) -> Self {
        let length = limit as usize;
        let last = if found.len() > length { found.get(length - 1) } else { None };
        Self { next_cursor: last.map(cursor), items: found.iter().take(length).map(document).collect() }
    }
}
