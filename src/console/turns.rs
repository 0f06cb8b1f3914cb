//! The links from a page of a list to the pages beside it.
//!
//! The first page has no link to newer rows: reload it to see them. Every other page has one, unless the search from it towards newer rows
//! came to the beginning of the list.

use std::fmt::Display;
use std::str::FromStr;

use super::failure::Failure;
use super::form::Fields;
use crate::store::turn::{Around, Cursor, Turn};

/// The links beside a list that shows the newest rows first.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// The field of the query that leads to the page with older rows.
    pub(super) older: Option<String>,
    /// The field of the query that leads to the page with newer rows.
    pub(super) newer: Option<String>,
    /// Whether the search ended before the page was full, so that the list may go on with few rows or none.
    pub(super) is_short: bool,
    /// Whether the page was searched from older rows to newer ones.
    pub(super) is_backward: bool,
}

/// Reads which page is requested.
pub(super) fn turn_of<C: Cursor + FromStr<Err: Display>>(fields: &Fields) -> Result<Turn<C>, Failure> {
    let both = || Failure::invalid("before: must be absent, because the page is also named with `after`");
    Turn::of(fields.value("after")?, fields.value("before")?).ok_or_else(both)
}

impl Turns {
    /// The links around a page with this number of rows, of `most` that fit.
    pub(super) fn of<C: Cursor + Display>(turn: Turn<C>, around: Around<C>, rows: usize, most: u32) -> Self {
        let goes_on = if turn.is_backward() { around.previous } else { around.next };
        Self {
            older: around.next.map(|cursor| format!("after={cursor}")),
            newer: around.previous.map(|cursor| format!("before={cursor}")),
            is_short: rows < most as usize && goes_on.is_some(),
            is_backward: turn.is_backward(),
        }
    }

    /// Whether there is a page beside this one.
    pub(super) const fn has_any(&self) -> bool {
        self.older.is_some() || self.newer.is_some()
    }

    /// What an empty page says of its rows, in front of their name: an empty page towards newer rows has older ones beside it.
    pub(super) const fn side(&self) -> &'static str {
        if self.is_backward && self.older.is_some() { "newer " } else { "" }
    }

    /// The words of the link to older rows.
    pub(super) const fn to_older(&self) -> &'static str {
        if self.is_short && !self.is_backward { "Search older" } else { "Older" }
    }

    /// The words of the link to newer rows.
    pub(super) const fn to_newer(&self) -> &'static str {
        if self.is_short && self.is_backward { "Search newer" } else { "Newer" }
    }
}
