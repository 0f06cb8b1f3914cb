//! Lists that are read in both directions, page by page.
//!
//! A page after a cursor is read in the order of the list. A page before a cursor is read in the other order and then reversed. So the
//! pages join without gaps and without repetitions: of the rows that existed when the walk began and still match, none is left out or
//! repeated. Where the list begins, the page before may have fewer items than the limit.

use super::{Listed, Page};
use crate::id::DeliveryId;

/// A cursor with neighbours.
pub(crate) trait Cursor: Copy {
    /// The next higher cursor, or the next lower one.
    fn neighbour(self, is_higher: bool) -> Self;
}

impl Cursor for u64 {
    fn neighbour(self, is_higher: bool) -> Self {
        if is_higher { self.saturating_add(1) } else { self.saturating_sub(1) }
    }
}

impl Cursor for DeliveryId {
    fn neighbour(self, is_higher: bool) -> Self {
        let number = u128::from_be_bytes(*self.as_bytes());
        let number = if is_higher { number.saturating_add(1) } else { number.saturating_sub(1) };
        Self::from_bytes(number.to_be_bytes())
    }
}

/// Which page of a list is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn<C> {
    First,
    /// The page that begins after this item.
    After(C),
    /// The page that ends before this item.
    Before(C),
}

/// The cursors of the pages around a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Around<C> {
    /// The previous page ends [before](Turn::Before) this item. `None` if the page is the first one.
    pub(crate) previous: Option<C>,
    /// The next page begins [after](Turn::After) this item. `None` if the page is the last one.
    pub(crate) next: Option<C>,
}

impl<C: Cursor> Turn<C> {
    /// `None` if both cursors are set.
    pub(crate) const fn of(after: Option<C>, before: Option<C>) -> Option<Self> {
        match (after, before) {
            (None, None) => Some(Self::First),
            (Some(after), None) => Some(Self::After(after)),
            (None, Some(before)) => Some(Self::Before(before)),
            (Some(_), Some(_)) => None,
        }
    }

    /// The page to read from the store, for a list in this order.
    pub(crate) fn page(self, limit: u32, newest_first: bool) -> Page<C> {
        let page = Page { newest_first, ..Page::of(limit) };
        match self {
            Self::First => page,
            Self::After(after) => page.after(Some(after)),
            Self::Before(before) => Page { newest_first: !newest_first, ..page.after(Some(before)) },
        }
    }

    /// Whether the page is read in the other order.
    pub(crate) const fn is_backward(self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// The cursors around the page. `shown` is its first and its last item in the order of the list, and `next` the cursor that the store
    /// has returned.
    pub(crate) fn around(self, newest_first: bool, shown: Option<(C, C)>, next: Option<C>) -> Around<C> {
        match self {
            Self::First => Around { previous: None, next },
            // If the page is empty, the item of its cursor may be on the previous page, so that page ends after the item.
            Self::After(after) => {
                let first = shown.map_or_else(|| after.neighbour(!newest_first), |(first, _)| first);
                Around { previous: Some(first), next }
            }
            Self::Before(before) => {
                let last = shown.map_or_else(|| before.neighbour(newest_first), |(_, last)| last);
                Around { previous: next, next: Some(last) }
            }
        }
    }

    /// Brings what the store has found into the order of the list.
    pub(crate) fn in_order<T>(
        self,
        mut found: Listed<T, C>,
        newest_first: bool,
        cursor: impl Fn(&T) -> C,
    ) -> (Vec<T>, Around<C>) {
        if self.is_backward() {
            found.items.reverse();
        }
        let shown = found.items.first().map(&cursor).zip(found.items.last().map(&cursor));
        (found.items, self.around(newest_first, shown, found.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that examines at most three rows, of which only the even ones match.
    fn read(rows: &[u64], page: Page<u64>) -> Listed<u64, u64> {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        if page.newest_first {
            rows.reverse();
        }
        let is_beyond =
            |row: u64| page.after.is_none_or(|after| if page.newest_first { row < after } else { row > after });
        rows.retain(|row| is_beyond(*row));
        let examined: Vec<_> = rows.iter().take(3).copied().collect();
        let end = examined.last().copied().filter(|_| rows.len() > 3);
        let found: Vec<_> = examined.into_iter().filter(|row| row % 2 == 0).collect();
        Listed::cut(found, page.limit, |row| *row, end)
    }

    #[test]
    fn the_pages_of_both_directions_join_without_gaps_and_repetitions() {
        for rows in
            [vec![], vec![2], vec![1, 3, 5, 7, 9, 11], (1..=20).collect::<Vec<u64>>(), vec![2, 4, 6, 7, 9, 11, 13, 15]]
        {
            for (limit, newest_first) in [(1, true), (2, true), (9, true), (1, false), (2, false), (9, false)] {
                let open = |turn: Turn<u64>| {
                    turn.in_order(read(&rows, turn.page(limit, newest_first)), newest_first, |row| *row)
                };
                let mut all: Vec<_> = rows.iter().copied().filter(|row| row % 2 == 0).collect();
                if newest_first {
                    all.reverse();
                }
                let (mut forward, mut around) = open(Turn::First);
                assert_eq!(around.previous, None, "nothing is before the first page");
                while let Some(next) = around.next {
                    let (items, then) = open(Turn::After(next));
                    forward.extend(items);
                    around = then;
                }
                assert_eq!(forward, all, "{rows:?} by {limit}, forward");
                // Back from a page that is beyond the end of the list.
                let beyond = if newest_first { 0 } else { 99 };
                let (mut backward, mut around) = open(Turn::After(beyond));
                assert!(backward.is_empty());
                while let Some(previous) = around.previous {
                    let (mut items, then) = open(Turn::Before(previous));
                    items.extend(backward);
                    (backward, around) = (items, then);
                }
                assert_eq!(backward, all, "{rows:?} by {limit}, backward");
            }
        }
    }

    #[test]
    fn a_page_back_and_forth_is_the_same_page() {
        let rows: Vec<u64> = (1..=12).map(|row| row * 2).collect();
        let open = |turn: Turn<u64>| turn.in_order(read(&rows, turn.page(2, true)), true, |row| *row);
        let (_, first) = open(Turn::First);
        let (second, around) = open(Turn::After(first.next.unwrap()));
        let (_, third) = open(Turn::After(around.next.unwrap()));
        let (back, around) = open(Turn::Before(third.previous.unwrap()));
        assert_eq!(back, second);
        assert_eq!(open(Turn::Before(around.previous.unwrap())).1.previous, None, "the first page again");
    }

    #[test]
    fn an_empty_page_leads_back_to_the_item_of_its_cursor() {
        let (empty, page) = (Listed::default(), Turn::After(8));
        assert_eq!(page.in_order(empty, true, |row: &u64| *row).1.previous, Some(7));
        let id = DeliveryId::from_bytes(8_u128.to_be_bytes());
        let before = Turn::Before(id).around(true, None, None);
        assert_eq!(before.next, Some(DeliveryId::from_bytes(9_u128.to_be_bytes())));
        assert_eq!(Turn::of(Some(1), Some(2)), None::<Turn<u64>>);
    }
}
