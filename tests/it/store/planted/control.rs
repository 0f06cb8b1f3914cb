//! Operations of operators, with faults.

use hookwire::clock::Timestamp;
use hookwire::delivery::DeliveryState;
use hookwire::id::{DeliveryId, EventId, Tenant, Work};
use hookwire::store::{AddDelivery, DedupGroup};

use super::bug::Bug;
use super::db::{Db, Row};

impl Db {
    pub fn can_resend(&self, work: Work, id: DeliveryId) -> bool {
        let Some(row) = self.deliveries.get(&id) else { return false };
        let is_kind = row.lane.work() == work || self.has(Bug::ResendMixesKinds);
        let is_over = match row.state {
            DeliveryState::Pending => {
                self.has(Bug::ResendTakesPending) && !row.leased || self.has(Bug::ResendTakesLeased) && row.leased
            }
            DeliveryState::Cancelled => !self.has(Bug::ResendSkipsCancelled),
            DeliveryState::Held => !self.has(Bug::ResendSkipsHeld),
            DeliveryState::Delivered => !self.has(Bug::ResendSkipsDelivered),
            _ => true,
        };
        let has_payload =
            self.event_of(row).has_payload || self.has(Bug::ResendOfExpunged) || self.has(Bug::ResentStaysDropped);
        is_kind && is_over && has_payload && !self.is_removed(row.lane)
    }

    pub fn resend(&mut self, id: DeliveryId, due: Timestamp) {
        let due = if self.has(Bug::ResendIsDueAtOnce) { self.deliveries[&id].created_at } else { self.time(due) };
        let bug = self.bug;
        let row = self.deliveries.get_mut(&id).unwrap();
        row.state = DeliveryState::Pending;
        row.faults = 0;
        row.leased = false;
        row.due = due;
        row.attempts = if bug == Some(Bug::ResendKeepsAttempts) { row.attempts } else { 0 };
        row.reason = row.reason.filter(|_| bug == Some(Bug::ResendKeepsReason));
        row.finished_at =
            row.finished_at.filter(|_| matches!(bug, Some(Bug::ResendKeepsTheEnd | Bug::ResentIsStillOld)));
        row.fence += u64::from(bug != Some(Bug::ResendKeepsTheFence));
        if bug == Some(Bug::ResendKeepsTheFence) {
            row.fence = row.fence.saturating_sub(2);
        }
        if bug == Some(Bug::ResendLosesAttempts) {
            self.attempts.retain(|(of, _)| *of != id);
        }
        if bug != Some(Bug::ResendPassesItsKey) {
            self.arrange(id, due);
        }
    }

    pub fn can_cancel(&self, work: Work, id: DeliveryId) -> bool {
        let Some(row) = self.deliveries.get(&id) else { return false };
        let is_kind = row.lane.work() == work || self.has(Bug::CancelMixesKinds);
        let is_open = match row.state {
            DeliveryState::Pending => !(row.leased && self.has(Bug::CancelSkipsLeased)),
            DeliveryState::Held => !self.has(Bug::CancelSkipsHeld),
            _ => self.has(Bug::CancelTakesFinal),
        };
        is_kind && is_open
    }

    pub fn cancel(&mut self, id: DeliveryId, now: Timestamp) {
        if self.has(Bug::CancelKeepsTheLease) && self.deliveries[&id].leased {
            // Only a flag is set, which the next claim reads; the delivery is not settled.
            self.deliveries.get_mut(&id).unwrap().finished_at = Some(now);
            return;
        }
        self.finish(id, DeliveryState::Cancelled, None, now);
        if !self.has(Bug::CancelBlocksItsKey) {
            self.arrange(id, now);
        }
    }

    pub fn add(&mut self, add: &AddDelivery) -> bool {
        let mut seq = self.find(add.lane.work(), &add.tenant, &add.event);
        if seq.is_none() && self.has(Bug::AddMixesKinds) {
            seq = self.find(add.lane.work().other(), &add.tenant, &add.event);
        }
        if seq.is_none() && self.has(Bug::AddIgnoresTenant) {
            seq = self.events.iter().find(|(_, kept)| kept.event.id == add.event).map(|(seq, _)| *seq);
        }
        let Some(seq) = seq else { return self.has(Bug::AddToUnknown) };
        if !(self.events[&seq].has_payload || self.has(Bug::AddToExpunged)) || self.is_removed(add.lane) {
            return false;
        }
        if self.has(Bug::AddIsLost) {
            return true;
        }
        let due = if self.has(Bug::AddIsDueAtOnce) { add.now } else { self.time(add.due) };
        let made = if self.has(Bug::AddIsMadeWhenDue) { add.due } else { self.time(add.now) };
        self.deliveries.insert(add.delivery, Row::pending(seq, add.lane, due, made));
        if !self.has(Bug::AddPassesItsKey) {
            self.arrange(add.delivery, add.due);
        }
        true
    }

    /// The event that an expunge is about.
    pub fn expunged(&self, work: Work, tenant: &Tenant, id: &EventId) -> Option<i64> {
        self.find(work, tenant, id).or_else(|| {
            let any = |(_, kept): &(&i64, &super::db::EventRow)| {
                kept.event.id == *id && (self.has(Bug::ExpungeIgnoresTenant))
            };
            self.events.iter().find(any).map(|(seq, _)| *seq)
        })
    }

    pub fn expunge_payload(&mut self, seq: i64) {
        let kept = self.events.get_mut(&seq).unwrap();
        if self.bug != Some(Bug::ExpungeKeepsPayload) {
            kept.event.payload = bytes::Bytes::new();
        }
        kept.has_payload = false;
        let key = self.key_of(&self.events[&seq].event.clone());
        if self.has(Bug::ExpungeMixesKinds) {
            let same = |kept: &super::db::EventRow| kept.event.id.as_str() == key.2;
            for kept in self.events.values_mut().filter(|kept| same(kept)) {
                kept.event.payload = bytes::Bytes::new();
            }
        }
        if self.has(Bug::ExpungeFreesTheId) {
            self.ids.remove(&key);
        }
    }

    pub fn expunge_deliveries(&mut self, seq: i64, now: Timestamp) {
        let lanes: Vec<_> = self.of_event(seq).iter().map(|id| self.deliveries[id].lane).collect();
        let others = self.has(Bug::ExpungeCancelsOthers);
        let of_event = |row: &Row| row.seq == seq || others && lanes.contains(&row.lane);
        let ids: Vec<_> = self.deliveries.iter().filter(|(_, row)| of_event(row)).map(|(id, _)| *id).collect();
        for id in ids {
            let is_open = !self.deliveries[&id].state.is_final() || self.has(Bug::ExpungeCancelsDelivered);
            if is_open && !self.has(Bug::ExpungeKeepsPending) {
                self.finish(id, DeliveryState::Cancelled, None, now);
                self.arrange(id, now);
            }
        }
    }

    pub fn forget_received(&mut self, tenant: &Tenant, group: &DedupGroup) -> u64 {
        if self.has(Bug::ForgetReceivedDoesNothing) {
            return 0;
        }
        let head = format!("evt_{}_", hex::encode(group.as_bytes()));
        let tenant = self.key(tenant.as_str());
        let is_of_tenant = |of: &str| of == tenant || self.has(Bug::ForgetReceivedIgnoresTenant);
        let is_of_group =
            |id: &str| id.starts_with(&head) || self.has(Bug::ForgetReceivedIgnoresGroup) && id.starts_with("evt_");
        let taken: Vec<_> = self
            .ids
            .keys()
            .filter(|(work, of, id)| {
                *work == Work::Received && is_of_tenant(of) && is_of_group(id) && !id.contains('-')
            })
            .cloned()
            .collect();
        for key in &taken {
            self.ids.remove(key);
            if !self.has(Bug::ForgetReceivedKeepsReplays) {
                self.replays.retain(|_, of| of != key);
            }
            let seq = self.events.iter().find(|(_, kept)| self.key_of(&kept.event) == *key).map(|(seq, _)| *seq);
            let Some(seq) = seq else { continue };
            if self.has(Bug::ForgetReceivedLosesJobs) {
                self.events.remove(&seq);
                self.deliveries.retain(|_, row| row.seq != seq);
                continue;
            }
            let kept = self.events.get_mut(&seq).unwrap();
            kept.event.id = EventId::new(format!("{}-{seq}", kept.event.id)).unwrap();
        }
        taken.len() as u64
    }
}
