//! Ordering keys: a pure function decides which delivery of a key may be sent.
//!
//! Deliveries of one [lane](crate::id::LaneId) whose events have the same [`Order`] form a queue of their own. `Fifo("k")` and
//! `Latest("k")` are two different keys. Equal keys of two lanes are different keys too. A store calls [`arrange`] after every change to
//! the deliveries of a key, in the same transaction, and applies the changes that it returns. The function keeps these rules:
//!
//! 1. At most one delivery of a key is [`Ready`](Turn::Ready) or [`Leased`](Turn::Leased). All others are
//!    [`Waiting`](Turn::Waiting): their due time is [`Timestamp::MAX`](crate::clock::Timestamp::MAX), so that no claim finds them.
//! 2. The oldest event goes first. The age of an event is its place in the order of appending. It does not depend on when the
//!    delivery was made: a delivery that is resent, or added later to an older event, goes before the deliveries of newer events.
//!    Deliveries of the same event are ordered by their ids.
//! 3. A lease is never taken away. While a delivery is leased, all others of its key wait. This includes a lease that has ended, until its
//!    delivery is claimed again: it is claimed before the others.
//! 4. `Fifo`: a delivery that is held by decision blocks the key until it is resent or cancelled.
//! 5. `Latest`: only the newest event counts. Every older delivery that is not leased is cancelled as
//!    [`Superseded`](crate::retry::FailReason::Superseded). This includes a delivery that is held, waits for its next attempt, was
//!    released, was resent, or was just added. So the newest state is never lost, and an older state is never sent after it.
//!
//! ```
//! use hookwire::clock::Timestamp;
//! use hookwire::event::Order;
//! use hookwire::id::DeliveryId;
//! use hookwire::store::ordering::{Change, KeyedDelivery, Turn, arrange};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let [older, newer] = [(); 2].map(|()| DeliveryId::generate(Timestamp::EPOCH));
//! let rows = [
//!     KeyedDelivery { id: newer, place: 2, turn: Turn::Ready },
//!     KeyedDelivery { id: older, place: 1, turn: Turn::Ready },
//! ];
//! let fifo = Order::fifo("cart-1")?;
//! assert_eq!(arrange(&fifo, &rows), [Change::Block(newer)]);
//! let latest = Order::latest("cart-1")?;
//! assert_eq!(arrange(&latest, &rows), [Change::Supersede(older)]);
//! # Ok(())
//! # }
//! ```

use crate::event::Order;
use crate::id::DeliveryId;

/// A delivery of an ordering key that is not final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "complete: all that the order depends on; made by stores")]
pub struct KeyedDelivery {
    /// The delivery.
    pub id: DeliveryId,
    /// The place of its event in the order of appending. A later event has a higher place.
    pub place: i64,
    /// Its turn.
    pub turn: Turn,
}

/// The turn of a delivery among those of its ordering key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete: every delivery that is not final is in one of these")]
pub enum Turn {
    /// Pending, and not claimable: its due time is [`Timestamp::MAX`](crate::clock::Timestamp::MAX).
    Waiting,
    /// Pending, not leased, and claimable when it is due.
    Ready,
    /// Claimed, and neither settled nor released since, even if the lease has ended.
    Leased,
    /// Held by decision.
    Held,
}

/// A change that a store has to apply to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "complete: a store has to apply every change")]
pub enum Change {
    /// From [`Waiting`](Turn::Waiting) to [`Ready`](Turn::Ready): it is due at once.
    Promote(DeliveryId),
    /// From [`Ready`](Turn::Ready) to [`Waiting`](Turn::Waiting): its due time becomes [`Timestamp::MAX`](crate::clock::Timestamp::MAX).
    Block(DeliveryId),
    /// Cancel it, with the reason [`Superseded`](crate::retry::FailReason::Superseded).
    Supersede(DeliveryId),
}

/// Returns the changes that bring the deliveries of one ordering key into order. The module describes the rules.
///
/// `rows` are the deliveries of the key that are not final, in any sequence. For [`Order::fifo`] a store may leave out all
/// [waiting](Turn::Waiting) deliveries except the oldest, so that the cost does not depend on the number of waiting deliveries. For
/// [`Order::latest`] it passes all of them, which are at most two after [`arrange`]. Once the changes are applied, another call returns no
/// changes.
#[must_use]
pub fn arrange(order: &Order, rows: &[KeyedDelivery]) -> Vec<Change> {
    let age = |row: &KeyedDelivery| (row.place, row.id);
    let newest = rows.iter().map(age).max();
    let is_superseded =
        |row: &&KeyedDelivery| order.is_latest() && row.turn != Turn::Leased && Some(age(row)) != newest;
    let (superseded, kept): (Vec<&KeyedDelivery>, Vec<&KeyedDelivery>) = rows.iter().partition(is_superseded);
    let is_blocked = kept.iter().any(|row| matches!(row.turn, Turn::Leased | Turn::Held));
    let first = kept.iter().filter(|_| !is_blocked).min_by_key(|row| age(row)).map(|row| row.id);
    let mut changes: Vec<_> = superseded.into_iter().map(|row| Change::Supersede(row.id)).collect();
    changes.extend(kept.into_iter().filter_map(|row| match row.turn {
        Turn::Waiting if Some(row.id) == first => Some(Change::Promote(row.id)),
        Turn::Ready if Some(row.id) != first => Some(Change::Block(row.id)),
        _ => None,
    }));
    changes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn orders() -> [Order; 2] {
        [Order::fifo("key").unwrap(), Order::latest("key").unwrap()]
    }

    fn turns() -> impl Strategy<Value = Turn> {
        prop_oneof![Just(Turn::Waiting), Just(Turn::Ready), Just(Turn::Leased), Just(Turn::Held)]
    }

    /// Several deliveries may belong to one event.
    fn keys() -> impl Strategy<Value = Vec<KeyedDelivery>> {
        let rows = prop::collection::vec((0..6_i64, turns()), 0..8);
        rows.prop_map(|rows| {
            let row = |(n, (place, turn)): (usize, (i64, Turn))| KeyedDelivery {
                id: DeliveryId::from_bytes([u8::try_from(n).unwrap(); 16]),
                place,
                turn,
            };
            rows.into_iter().enumerate().map(row).collect()
        })
    }

    fn apply(rows: &[KeyedDelivery], changes: &[Change]) -> Vec<KeyedDelivery> {
        let turn = |row: &KeyedDelivery| {
            if changes.contains(&Change::Supersede(row.id)) {
                None
            } else if changes.contains(&Change::Promote(row.id)) {
                assert_eq!(row.turn, Turn::Waiting);
                Some(Turn::Ready)
            } else if changes.contains(&Change::Block(row.id)) {
                assert_eq!(row.turn, Turn::Ready);
                Some(Turn::Waiting)
            } else {
                Some(row.turn)
            }
        };
        rows.iter().filter_map(|row| Some(KeyedDelivery { turn: turn(row)?, ..*row })).collect()
    }

    fn age(row: &KeyedDelivery) -> (i64, DeliveryId) {
        (row.place, row.id)
    }

    proptest! {
        #[test]
        fn an_arranged_key_obeys_the_rules(rows in keys()) {
            for order in orders() {
                let after = apply(&rows, &arrange(&order, &rows));
                let of = |turn| after.iter().filter(move |row| row.turn == turn);
                let ready: Vec<_> = of(Turn::Ready).collect();
                let blocked = of(Turn::Leased).chain(of(Turn::Held)).next().is_some();
                prop_assert_eq!(ready.len(), usize::from(!after.is_empty() && !blocked));
                prop_assert!(ready.iter().all(|row| after.iter().all(|other| age(row) <= age(other))));
                prop_assert_eq!(of(Turn::Leased).count(), rows.iter().filter(|row| row.turn == Turn::Leased).count());
                prop_assert_eq!(rows.iter().max_by_key(|row| age(row)).map(|row| row.id), after.iter().max_by_key(|row| age(row)).map(|row| row.id));
                if order.is_latest() {
                    prop_assert!(after.iter().filter(|row| row.turn != Turn::Leased).count() <= 1);
                } else {
                    prop_assert_eq!(after.len(), rows.len());
                }
                prop_assert!(arrange(&order, &after).is_empty());
            }
        }

        #[test]
        fn fifo_needs_only_the_oldest_of_the_waiting(rows in keys()) {
            let [fifo, _] = orders();
            let oldest = rows.iter().filter(|row| row.turn == Turn::Waiting).min_by_key(|row| age(row)).map(|row| row.id);
            let few: Vec<_> =
                rows.iter().filter(|row| row.turn != Turn::Waiting || Some(row.id) == oldest).copied().collect();
            prop_assert_eq!(arrange(&fifo, &few), arrange(&fifo, &rows));
        }

        /// Whatever happens to a `Latest` key, the newest state is sent last.
        #[test]
        fn latest_sends_the_newest_last(events in prop::collection::vec(any::<bool>(), 1..12)) {
            let [_, latest] = orders();
            let (mut rows, mut sent) = (Vec::new(), Vec::new());
            let claim = |rows: &mut Vec<KeyedDelivery>, sent: &mut Vec<i64>| {
                let Some(row) = rows.iter_mut().find(|row| row.turn == Turn::Ready) else { return };
                row.turn = Turn::Leased;
                sent.push(row.place);
            };
            let end = |rows: &mut Vec<KeyedDelivery>| {
                rows.retain(|row| row.turn != Turn::Leased);
                *rows = apply(rows, &arrange(&latest, rows));
            };
            for (place, claims) in (0_i64..).zip(&events) {
                let id = DeliveryId::from_bytes([u8::try_from(place).unwrap(); 16]);
                rows.push(KeyedDelivery { id, place, turn: Turn::Ready });
                rows = apply(&rows, &arrange(&latest, &rows));
                if *claims {
                    claim(&mut rows, &mut sent);
                }
            }
            for _ in 0..2 {
                end(&mut rows);
                claim(&mut rows, &mut sent);
            }
            prop_assert_eq!(sent.last().copied(), i64::try_from(events.len() - 1).ok());
            prop_assert!(sent.is_sorted());
        }
    }
}
