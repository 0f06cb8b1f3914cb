//! Pages of lists.

use crate::id::DeliveryId;

/// A page of a list. The default is the first 100 items, the oldest first.
///
/// ```
/// use hookwire::store::Page;
///
/// let page: Page<u64> = Page::of(50).newest_first();
/// assert_eq!(page.after(7).after, Some(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<C = DeliveryId> {
    /// The last item of the previous page. `None` for the first page.
    pub after: Option<C>,
    /// The maximum number of items. A page of 0 is empty.
    pub limit: u32,
    /// Whether the newest item comes first.
    pub newest_first: bool,
}

impl<C> Default for Page<C> {
    fn default() -> Self {
        Self::of(100)
    }
}

impl<C> Page<C> {
    /// Creates the first page, with at most `limit` items.
    #[must_use]
    pub const fn of(limit: u32) -> Self {
        Self { after: None, limit, newest_first: false }
    }

    /// Returns the page after the item `last`.
    #[must_use]
    pub fn after(self, last: impl Into<Option<C>>) -> Self {
        Self { after: last.into(), ..self }
    }

    /// Returns the same page of the list, sorted from the newest to the oldest.
    #[must_use]
    pub fn newest_first(self) -> Self {
        Self { newest_first: true, ..self }
    }
}

/// The most rows that one call of [`deliveries`](super::History::deliveries) or [`events`](super::History::events) reads one by one. The
/// cost of a call is therefore the same however much is stored, and a page may be short: see [`Listed`].
pub const MOST_EXAMINED: u32 = 20_000;

/// A page that was found, from [`deliveries`](super::History::deliveries) or [`events`](super::History::events).
///
/// If no index of the store leads to the items, a call examines only [`MOST_EXAMINED`] rows. So a page may contain fewer items than its
/// limit, or none, and the list still goes on: it ends only where `next` is `None`.
///
/// ```
/// use hookwire::delivery::DeliveryState;
/// use hookwire::id::Work;
/// use hookwire::store::{DeliveryQuery, History, MemoryStore, Page};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let mut failed = DeliveryQuery::of(Work::Sent);
/// failed.state = Some(DeliveryState::Failed);
/// let (mut all, mut page) = (Vec::new(), Page::of(100));
/// loop {
///     let found = store.deliveries(&failed, page).await?;
///     all.extend(found.items);
///     let Some(next) = found.next else { break };
///     page = page.after(next);
/// }
/// assert!(all.is_empty(), "a new store has no failed delivery");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct Listed<T, C = DeliveryId> {
    /// The items, at most as many as the limit of the page.
    pub items: Vec<T>,
    /// The cursor [after](Page::after) which the next page begins. `None` if nothing is left.
    pub next: Option<C>,
}

impl<T, C> Default for Listed<T, C> {
    /// Creates the last page of a list, without items.
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

impl<T, C> Listed<T, C> {
    /// Returns the page with each item replaced by what `change` returns for it.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Listed<U, C> {
        Listed { items: self.items.into_iter().map(change).collect(), next: self.next }
    }

    /// Creates a page from what was found, which may be one item more than the page shows: then the next page begins after the last item
    /// that is shown. Otherwise the next page begins at `examined`, the last row that was examined, or nothing is left.
    pub(crate) fn cut(mut found: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C, examined: Option<C>) -> Self {
        let limit = limit as usize;
        if found.len() <= limit {
            return Self { items: found, next: examined };
        }
        found.truncate(limit);
        Self { next: found.last().map(cursor), items: found }
    }
}
