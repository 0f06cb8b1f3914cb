//! Numbers for the states of deliveries and endpoints, and for audiences.

use crate::delivery::DeliveryState;
use crate::event::Audience;

/// The `due` of a delivery that [waits](crate::store::ordering::Turn::Waiting) behind another one of its ordering key:
/// [`Timestamp::MAX`](crate::clock::Timestamp::MAX) in microseconds.
pub const WAITING: i64 = crate::clock::Timestamp::MAX.as_micros();

/// The state of a pending delivery, leased or not.
pub const PENDING: i16 = 0;
/// The state of a delivered delivery.
pub const DELIVERED: i16 = 1;
/// The state of a failed delivery.
pub const FAILED: i16 = 2;
/// The state of a cancelled delivery.
pub const CANCELLED: i16 = 3;
/// The state of a delivery that is held by decision.
pub const HELD: i16 = 4;

/// The state of an enabled endpoint.
pub const ENABLED: i16 = 0;
/// The state of a disabled endpoint.
pub const DISABLED: i16 = 1;
/// The state of a removed endpoint. Its row remains, so that a delivery that is appended for it later is never sent.
pub const REMOVED: i16 = 2;

/// The state in which history shows a delivery, from its stored state and the state of its endpoint, if it has one.
///
/// ```
/// use hookwire::delivery::DeliveryState;
/// use hookwire::store::sql::{DISABLED, PENDING, REMOVED, shown_state};
///
/// assert_eq!(shown_state(PENDING, None), DeliveryState::Pending);
/// assert_eq!(shown_state(PENDING, Some(DISABLED)), DeliveryState::Held);
/// assert_eq!(shown_state(PENDING, Some(REMOVED)), DeliveryState::Cancelled);
/// ```
#[must_use]
pub const fn shown_state(state: i16, endpoint: Option<i16>) -> DeliveryState {
    match (state, endpoint) {
        (DELIVERED, _) => DeliveryState::Delivered,
        (FAILED, _) => DeliveryState::Failed,
        (HELD, _) => DeliveryState::Held,
        (CANCELLED, _) | (_, Some(REMOVED)) => DeliveryState::Cancelled,
        (_, Some(DISABLED)) => DeliveryState::Held,
        _ => DeliveryState::Pending,
    }
}

/// Whether an endpoint of this version may be [put](crate::store::Directory::put) over the stored row with its id. `stored` is the version
/// and state of that row, or `None` if there is no row.
///
/// ```
/// use hookwire::store::sql::{ENABLED, REMOVED, is_next_version};
///
/// assert!(is_next_version(1, None) && is_next_version(3, Some((2, ENABLED))));
/// assert!(!is_next_version(3, Some((2, REMOVED))));
/// ```
#[must_use]
pub fn is_next_version(version: u64, stored: Option<(i64, i16)>) -> bool {
    let expected = match stored {
        None => 1,
        Some((_, REMOVED)) => return false,
        Some((stored, _)) => stored.saturating_add(1),
    };
    signed(version) == expected
}

/// Converts a version or a fence to a signed integer, because databases have no unsigned ones.
#[must_use]
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The number of an audience.
#[must_use]
pub const fn audience_column(audience: Audience) -> i16 {
    match audience {
        Audience::Subscribers => 0,
        Audience::Direct => 1,
        Audience::Inbox => 2,
    }
}

/// The audience with this number; `None` for an unknown number.
#[must_use]
pub const fn restore_audience(column: i16) -> Option<Audience> {
    match column {
        0 => Some(Audience::Subscribers),
        1 => Some(Audience::Direct),
        2 => Some(Audience::Inbox),
        _ => None,
    }
}
