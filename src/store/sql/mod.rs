//! What SQL stores have in common, for a backend of your own: how states, lanes, ordering keys and ids become columns, the rows of an
//! outbox table, and the clock of a database.
//!
//! [`SqliteStore`](crate::store) and [`PostgresStore`](crate::store) use this module. It is optional: any other encoding works as long as
//! the store keeps the [contract](crate::store#the-contract). The guide
//! [`writing_a_store`](crate::guide::writing_a_store) shows where each part is used.

mod clock;
mod columns;
mod failures;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod new_outbox_row;
mod outbox_row;
mod placements;
mod rollups;
mod states;

pub use self::clock::DatabaseClock;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(in crate::store) use self::columns::QUEUE;
#[cfg(feature = "sqlite")]
pub(in crate::store) use self::columns::REPLAY;
#[cfg(feature = "postgres")]
pub(in crate::store) use self::columns::first_id;
pub use self::columns::{
    group_keys, ids_between, lane_column, order_column, origin_column, publish_key, replay_key, restore_lane,
    restore_order, restore_origin,
};
pub use self::failures::{FoldedFailures, failure_kind_column, limit_failure_kinds, restore_failure_kind};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(in crate::store) use self::new_outbox_row::NewOutboxRow;
pub use self::outbox_row::OutboxRow;
pub use self::placements::{former_column, restore_former};
pub(in crate::store) use self::rollups::note_settlement;
pub use self::rollups::{
    Folded, RollupFold, restore_rollup, rollup_column, rollup_group_column, rollup_step_column, settled_column,
};
pub use self::states::{
    CANCELLED, DELIVERED, DISABLED, ENABLED, FAILED, HELD, PENDING, REMOVED, WAITING, audience_column, is_next_version,
    restore_audience, shown_state, signed,
};
