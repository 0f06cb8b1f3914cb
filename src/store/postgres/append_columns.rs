//! A batch of appends as the columns of statements.

use std::borrow::Cow;

use uuid::Uuid;

use super::rows::{BOOLS, BYTES, LONGS, SHORTS, TEXTS, UUIDS, uuid_of_delivery};
use super::session::Param;
use crate::clock::Timestamp;
use crate::store::Append;
use crate::store::sql::{WAITING, audience_column, lane_column, order_column, origin_column, publish_key, replay_key};

/// Some elements of a batch.
pub(super) struct Part<'a> {
    pub(super) batch: &'a [Append],
    pub(super) keys: &'a [i64],
    pub(super) indices: &'a [usize],
}

impl<'a> Part<'a> {
    pub(super) fn items(&self) -> impl Iterator<Item = (&'a Append, i64)> {
        self.indices.iter().filter_map(|index| self.batch.get(*index).zip(self.keys.get(*index).copied()))
    }

    pub(super) fn event_columns(&self) -> EventColumns<'a> {
        let mut columns = EventColumns::default();
        for (append, key) in self.items() {
            let event = &append.event;
            columns.keys.push(key);
            columns.tenants.push(event.tenant.as_str());
            columns.ids.push(event.id.as_str());
            columns.types.push(event.event_type.as_str());
            columns.content_types.push(&event.content_type);
            columns.occurred.push(event.occurred_at.as_micros());
            columns.appended.push(append.now.as_micros());
            columns.orders.push(event.order.as_ref().map(order_column));
            columns.deadlines.push(event.expires_at.map(Timestamp::as_micros));
            columns.bodies.push(&event.payload);
            columns.audiences.push(audience_column(event.audience));
            columns.origins.push(origin_column(event));
            columns.taken.push(publish_key(event.audience.work(), &event.id));
            columns.prints.push(event.fingerprint.as_ref().map(|print| &print[..]));
        }
        columns
    }

    /// The columns of received events with signed bytes.
    pub(super) fn replay_columns(&self) -> ReplayColumns<'a> {
        let mut columns = ReplayColumns::default();
        for (append, key) in self.items() {
            if let Some(id) = replay_key(&append.event) {
                columns.tenants.push(append.event.tenant.as_str());
                columns.ids.push(id);
                columns.events.push(key);
                columns.appended.push(append.now.as_micros());
            }
        }
        columns
    }

    pub(super) fn delivery_columns(&self) -> DeliveryColumns {
        let mut columns = DeliveryColumns::default();
        for (append, event) in self.items() {
            let order = append.event.order.as_ref().map(order_column);
            for new in &append.deliveries {
                // A delivery with an ordering key may have to wait, so it is never born leased, and is due when its turn comes.
                let leased_until = new.leased_until.filter(|_| order.is_none());
                let due = leased_until.unwrap_or(append.now).as_micros();
                columns.ids.push(uuid_of_delivery(new.id));
                columns.events.push(event);
                columns.lanes.push(lane_column(new.lane));
                columns.dues.push(if order.is_some() { WAITING } else { due });
                columns.leased.push(leased_until.is_some());
                columns.made.push(append.now.as_micros());
                columns.orders.push(order.clone());
            }
        }
        columns
    }
}

#[derive(Default)]
pub(super) struct EventColumns<'a> {
    pub(super) keys: Vec<i64>,
    pub(super) tenants: Vec<&'a str>,
    pub(super) ids: Vec<&'a str>,
    pub(super) types: Vec<&'a str>,
    pub(super) content_types: Vec<&'a str>,
    pub(super) occurred: Vec<i64>,
    pub(super) appended: Vec<i64>,
    pub(super) orders: Vec<Option<String>>,
    pub(super) deadlines: Vec<Option<i64>>,
    pub(super) bodies: Vec<&'a [u8]>,
    pub(super) audiences: Vec<i16>,
    pub(super) origins: Vec<Option<String>>,
    /// The keys under which the ids are taken. This column and the next are bound to the insert of ids, not to the insert of events.
    pub(super) taken: Vec<Cow<'a, str>>,
    pub(super) prints: Vec<Option<&'a [u8]>>,
}

impl EventColumns<'_> {
    pub(super) fn params(&self) -> Vec<Param<'_>> {
        vec![
            (&self.keys, LONGS),
            (&self.tenants, TEXTS),
            (&self.ids, TEXTS),
            (&self.types, TEXTS),
            (&self.content_types, TEXTS),
            (&self.occurred, LONGS),
            (&self.appended, LONGS),
            (&self.orders, TEXTS),
            (&self.deadlines, LONGS),
            (&self.bodies, BYTES),
            (&self.audiences, SHORTS),
            (&self.origins, TEXTS),
        ]
    }
}

#[derive(Default)]
pub(super) struct ReplayColumns<'a> {
    pub(super) tenants: Vec<&'a str>,
    pub(super) ids: Vec<String>,
    pub(super) events: Vec<i64>,
    pub(super) appended: Vec<i64>,
}

impl ReplayColumns<'_> {
    pub(super) fn params(&self) -> Vec<Param<'_>> {
        vec![(&self.tenants, TEXTS), (&self.ids, TEXTS), (&self.events, LONGS), (&self.appended, LONGS)]
    }
}

#[derive(Default)]
pub(super) struct DeliveryColumns {
    pub(super) ids: Vec<Uuid>,
    pub(super) events: Vec<i64>,
    pub(super) lanes: Vec<Vec<u8>>,
    pub(super) dues: Vec<i64>,
    pub(super) leased: Vec<bool>,
    pub(super) made: Vec<i64>,
    pub(super) orders: Vec<Option<String>>,
}

impl DeliveryColumns {
    pub(super) fn params(&self) -> Vec<Param<'_>> {
        vec![
            (&self.ids, UUIDS),
            (&self.events, LONGS),
            (&self.lanes, BYTES),
            (&self.dues, LONGS),
            (&self.leased, BOOLS),
            (&self.made, LONGS),
            (&self.orders, TEXTS),
        ]
    }
}
