//! Lists with pages.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::read::maybe;
use crate::store::turn::{Cursor, Turn};
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
    /// The `cursor` of the next page; `null` only on the last page. Follow it until it is `null`, also if a page is short or empty. A page
    /// that was read with `before` always has it, although nothing may follow.
    next_cursor: Option<String>,
    /// The `before` of the previous page. Absent on the first page, and in lists without `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_cursor: Option<String>,
}

/// The order of a list: newest first by default.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// A page of a list that is read in both directions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<C> {
    turn: Turn<C>,
    is_newest_first: bool,
    limit: u32,
}

impl<C: Cursor + FromStr<Err: Display>> Asked<C> {
    /// Reads the parameters `cursor`, `before` and `limit`.
    pub(super) fn of(
        order: Order,
        (cursor, before): (Option<&str>, Option<&str>),
        limit_asked: Option<u32>,
    ) -> Result<Self, Problem> {
        let turn = Turn::of(maybe("cursor", cursor)?, maybe("before", before)?);
        let turn =
            turn.ok_or_else(|| Problem::invalid("before", "must be absent, because the request has a cursor"))?;
        Ok(Self { turn, is_newest_first: matches!(order, Order::NewestFirst), limit: limit(limit_asked)? })
    }

    /// The page to read.
    pub(super) fn page(self) -> Page<C> {
        self.turn.page(self.limit, self.is_newest_first)
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
    pub(super) fn found<I, C: Cursor + ToString>(
        asked: Asked<C>,
        found: store::Listed<I, C>,
        cursor: impl Fn(&I) -> C,
        document: impl Fn(&I) -> T,
    ) -> Self {
        let (items, around) = asked.turn.in_order(found, asked.is_newest_first, cursor);
        Self {
            items: items.iter().map(document).collect(),
            next_cursor: around.next.map(|next| next.to_string()),
            previous_cursor: around.previous.map(|previous| previous.to_string()),
        }
    }

    /// Makes a page of the first `limit` items. There is a next page if more were found.
    pub(super) fn of<I>(found: Vec<I>, limit: u32, cursor: impl Fn(&I) -> String, document: impl Fn(&I) -> T) -> Self {
        let length = limit as usize;
        let last = if found.len() > length { found.get(length - 1) } else { None };
        let items = found.iter().take(length).map(document).collect();
        Self { items, next_cursor: last.map(cursor), previous_cursor: None }
    }
}
