//! The damaged records that this process has found.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::id::DeliveryId;
use crate::store::{StoreError, StoreErrorKind};

/// The number of records that are remembered. After that, the oldest is forgotten for each new one.
const REMEMBERED: usize = 1_000;

/// The damaged records that this process has logged, and the damaged deliveries that it has found in lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Damage(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    logged: Recent<String, ()>,
    /// The time at which each delivery was made, in microseconds.
    deliveries: Recent<DeliveryId, Timestamp>,
}

/// The last [`REMEMBERED`] keys that were added.
#[derive(Debug)]
struct Recent<K, V> {
    known: BTreeMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<K: Ord + Clone, V> Recent<K, V> {
    /// Returns whether the key is new.
    fn add(&mut self, key: K, value: V) -> bool {
        if self.known.insert(key.clone(), value).is_some() {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl Damage {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a damaged record, unless it was logged before.
    pub(super) fn log(&self, kind: &'static str, id: &dyn Display, error: &StoreError) {
        let id = id.to_string();
        if self.found().logged.add(format!("{kind} {id}"), ()) {
            tracing::warn!(kind, id, %error, "a stored record cannot be read");
        }
    }

    /// What was read; `None` if the record is damaged, which is logged.
    pub(super) fn readable<T>(
        &self,
        kind: &'static str,
        id: &(dyn Display + Sync),
        read: Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_damage(&error) => {
                self.log(kind, id, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Remembers a damaged delivery that a list contains, and when it was made.
    pub(super) fn remember(&self, id: DeliveryId, made_at: Timestamp) {
        self.found().deliveries.add(id, made_at);
    }

    /// The remembered deliveries that a list contains after this id, the nearest first. They may belong to other lists.
    pub(super) fn known_after(
        &self,
        id: DeliveryId,
        is_newest_first: bool,
        limit: usize,
    ) -> Vec<(DeliveryId, Timestamp)> {
        let found = self.found();
        let known = &found.deliveries.known;
        let pair = |(id, made_at): (&DeliveryId, &Timestamp)| (*id, *made_at);
        match is_newest_first {
            true => known.range(..id).rev().take(limit).map(pair).collect(),
            false => known.range((Bound::Excluded(id), Bound::Unbounded)).take(limit).map(pair).collect(),
        }
    }
}

pub(super) fn is_damage(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Corrupt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_for_a_new_one_and_the_others_stay() {
        let mut recent = Recent::default();
        assert!((0..REMEMBERED).all(|number| recent.add(number, ())));
        assert!(!recent.add(0, ()), "it is known");
        assert!(recent.add(REMEMBERED, ()));
        assert_eq!((recent.known.len(), recent.order.len()), (REMEMBERED, REMEMBERED));
        assert!(recent.add(0, ()), "it was forgotten");
        assert!(!recent.add(2, ()), "it was not forgotten");
    }

    #[test]
    fn the_nearest_known_delivery_is_on_the_side_where_the_list_goes_on() {
        let damage = Damage::default();
        let id = |number: u8| DeliveryId::from_bytes([number; 16]);
        [1, 3, 5, 7].into_iter().for_each(|number| damage.remember(id(number), Timestamp::EPOCH));
        let after = |number, is_newest_first| {
            let known = damage.known_after(id(number), is_newest_first, 2);
            known.into_iter().map(|(id, _)| id.as_bytes()[0]).collect::<Vec<_>>()
        };
        assert_eq!((after(5, true), after(5, false)), (vec![3, 1], vec![7]));
        assert_eq!((after(0, true), after(2, false)), (vec![], vec![3, 5]));
    }
}
