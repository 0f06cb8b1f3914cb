//! Dedup records, with faults.

use std::collections::BTreeMap;

use hookwire::clock::Timestamp;
use hookwire::store::{BeginResult, DedupEntry, DedupGroup, DedupKey, DedupLease, FirstResponse, Settled};

use super::bug::Bug;
use super::db::Db;

#[derive(Clone, Debug)]
pub struct Record {
    fence: u64,
    group: Option<DedupGroup>,
    ends: Timestamp,
    response: Option<FirstResponse>,
}

#[derive(Clone, Debug, Default)]
pub struct Records {
    by_key: BTreeMap<Vec<u8>, Record>,
    /// The last fences of keys whose records are gone.
    graves: BTreeMap<Vec<u8>, u64>,
}

impl Records {
    /// Deletes a record, and keeps its fence unless `forgets`.
    fn bury(&mut self, key: &[u8], forgets: bool) {
        if let Some(gone) = self.by_key.remove(key).filter(|_| !forgets) {
            self.graves.insert(key.to_vec(), gone.fence);
        }
    }
}

impl Db {
    fn dedup_key(&self, key: &DedupKey) -> Vec<u8> {
        let bytes = key.as_bytes();
        match self.bug {
            Some(Bug::KeysCutAt16) => bytes[..16].to_vec(),
            Some(Bug::KeysFoldCase) => bytes.to_ascii_lowercase(),
            _ => bytes.to_vec(),
        }
    }

    pub fn begin(&mut self, entry: &DedupEntry, now: Timestamp, until: Timestamp) -> BeginResult {
        match self.look(entry, now) {
            Some(found) => found,
            None => self.begin_fresh(entry, until),
        }
    }

    /// The record of a key; `None` if the key is fresh.
    pub fn look(&self, entry: &DedupEntry, now: Timestamp) -> Option<BeginResult> {
        let record = self.records.by_key.get(&self.dedup_key(&entry.key))?;
        let ends = match self.bug {
            Some(Bug::DoneNeverExpires) if record.response.is_some() => Timestamp::MAX,
            Some(Bug::DoneExpiresLate) if record.response.is_some() => {
                record.ends + std::time::Duration::from_micros(1)
            }
            Some(Bug::EndedLeaseIsBusy) if record.response.is_none() => Timestamp::MAX,
            Some(Bug::LeaseEndsEarly) if record.response.is_none() => record.ends - std::time::Duration::from_micros(1),
            _ => record.ends,
        };
        if now >= ends {
            return None;
        }
        match &record.response {
            Some(response) if !self.has(Bug::DoneIsBusy) => Some(BeginResult::Done(response.clone())),
            _ if self.has(Bug::BusyIsFresh) => None,
            _ => Some(BeginResult::Busy { until: record.ends }),
        }
    }

    pub fn begin_fresh(&mut self, entry: &DedupEntry, until: Timestamp) -> BeginResult {
        let key = self.dedup_key(&entry.key);
        let of_record = self.records.by_key.get(&key).map(|record| record.fence);
        let last = of_record.or_else(|| self.records.graves.get(&key).copied()).unwrap_or(0);
        let fence = if self.has(Bug::FenceIsConstant) { 1 } else { last + 1 };
        let group = if self.has(Bug::GroupsAreIgnored) { None } else { entry.group };
        self.records.by_key.insert(key, Record { fence, group, ends: self.time(until), response: None });
        BeginResult::Fresh(DedupLease { key: entry.key, fence })
    }

    pub fn is_begun(&self, lease: &DedupLease, is_finish: bool) -> bool {
        let Some(record) = self.records.by_key.get(&self.dedup_key(&lease.key)) else {
            return self.has(Bug::FinishOfUnknownCounts);
        };
        let is_fenced = record.fence == lease.fence
            || is_finish && self.has(Bug::FinishIgnoresTheFence)
            || is_finish && self.has(Bug::FinishTakesOlderFences) && lease.fence < record.fence
            || !is_finish && self.has(Bug::AbandonIgnoresTheFence);
        let is_open = record.response.is_none()
            || is_finish && self.has(Bug::FinishTwiceCounts)
            || !is_finish && self.has(Bug::AbandonTakesDone);
        is_fenced && is_open
    }

    pub fn finish_record(&mut self, lease: &DedupLease, response: &FirstResponse, expires: Timestamp) -> Settled {
        if !self.is_begun(lease, true) {
            return Settled::LeaseLost;
        }
        let ends = self.time(expires);
        let mut response = response.clone();
        match self.bug {
            Some(Bug::ResponseLosesBody) => response.body = bytes::Bytes::new(),
            Some(Bug::ResponseLosesType) => response.content_type = None,
            Some(Bug::ResponseLosesStatus) => response.status = 200,
            Some(Bug::ResponseIsText) => response.body = String::from_utf8_lossy(&response.body).into_owned().into(),
            Some(Bug::EmptyTextIsNull) => response.content_type = response.content_type.filter(|it| !it.is_empty()),
            _ => {}
        }
        let key = self.dedup_key(&lease.key);
        if let Some(record) = self.records.by_key.get_mut(&key) {
            (record.ends, record.response) = (ends, Some(response));
        }
        Settled::Done
    }

    pub fn abandon_record(&mut self, lease: &DedupLease) -> Settled {
        if !self.is_begun(lease, false) {
            return Settled::LeaseLost;
        }
        let key = self.dedup_key(&lease.key);
        match self.bug {
            Some(Bug::AbandonDoesNothing) => {}
            Some(Bug::AbandonTakesAll) => self.records.by_key.clear(),
            bug => self.records.bury(&key, bug == Some(Bug::FenceRestartsAfterAbandon)),
        }
        Settled::Done
    }

    pub fn forget_group(&mut self, group: DedupGroup) -> u64 {
        let is_of = |record: &Record| match record.group {
            Some(of) => of == group || self.has(Bug::ForgetTakesAllGroups),
            None => self.has(Bug::ForgetTakesGroupless),
        };
        let is_done = |record: &Record| record.response.is_some() || self.has(Bug::ForgetTakesUnfinished);
        let gone: Vec<_> = self
            .records
            .by_key
            .iter()
            .filter(|(_, record)| is_of(record) && is_done(record))
            .map(|(key, _)| key.clone())
            .collect();
        if self.has(Bug::ForgetDoesNothing) {
            return gone.len() as u64;
        }
        let forgets = self.has(Bug::FenceRestartsAfterForget);
        gone.iter().for_each(|key| self.records.bury(key, forgets));
        if self.has(Bug::ForgetCountsWrong) { u64::from(!gone.is_empty()) } else { gone.len() as u64 }
    }

    pub fn prune_records(&mut self, now: Timestamp, limit: u32) -> u64 {
        let is_old = |record: &Record| match self.bug {
            Some(Bug::DedupPruneTakesLive) => record.response.is_none() || record.ends < now,
            Some(Bug::DedupPruneKeepsDone) => record.response.is_none() && record.ends < now,
            _ => record.ends < now,
        };
        let limit = if self.has(Bug::DedupPruneIgnoresTheLimit) { usize::MAX } else { limit as usize };
        let old: Vec<_> = self
            .records
            .by_key
            .iter()
            .filter(|(_, record)| is_old(record))
            .map(|(key, _)| key.clone())
            .take(limit)
            .collect();
        let forgets = self.has(Bug::FenceRestartsAfterPrune);
        old.iter().for_each(|key| self.records.bury(key, forgets));
        if self.has(Bug::DedupPruneCountsWrong) { 0 } else { old.len() as u64 }
    }
}
