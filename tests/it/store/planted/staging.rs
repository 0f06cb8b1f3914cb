//! The outbox table that applications write to, with faults.

use hookwire::event::{Audience, Event, NewEvent};
use hookwire::store::sql::OutboxRow;
use hookwire::store::{Appended, Import, ImportResult, StagedRow};

use super::bug::Bug;
use super::db::Db;

#[derive(Clone, Debug)]
pub struct Row {
    pub number: u64,
    pub event: NewEvent,
    pub error: Option<String>,
}

impl Db {
    pub fn stage(&mut self, event: NewEvent) {
        let number = self.staged.iter().map(|row| row.number).max().unwrap_or(0) + 1;
        self.staged.push(Row { number, event, error: None });
    }

    fn shown_row(&self, row: &Row, longest: usize) -> StagedRow {
        let length = OutboxRow::of(&row.event).data.len();
        let is_read = length <= longest || self.has(Bug::StagedReadsLongRows);
        let event = if is_read { Ok(self.read_row(&row.event)) } else { Err(format!("data: is {length} bytes long")) };
        StagedRow { row: row.number, event, written_at: None }
    }

    /// The event of a row, read from its columns.
    fn read_row(&self, event: &NewEvent) -> NewEvent {
        let mut row = OutboxRow::of(event);
        if self.has(Bug::StagedLosesTenant) {
            row.tenant = None;
        }
        if self.has(Bug::StagedLosesId) {
            row.id = None;
        }
        if self.has(Bug::StagedLosesOccurredAt) {
            row.occurred_at = None;
        }
        if self.has(Bug::StagedLosesExpiry) {
            row.expires_at = None;
        }
        if self.has(Bug::StagedLosesOrder) {
            (row.fifo_key, row.latest_key) = (None, None);
        }
        row.event().unwrap()
    }

    pub fn staged(&self, limit: u32, longest: usize) -> Vec<StagedRow> {
        let mut rows: Vec<_> =
            self.staged.iter().filter(|row| row.error.is_none() || self.has(Bug::StagedShowsRefused)).collect();
        if self.has(Bug::StagedByLength) {
            rows.sort_by_key(|row| OutboxRow::of(&row.event).id);
        }
        let limit = if self.has(Bug::StagedIgnoresTheLimit) { usize::MAX } else { limit as usize };
        rows.into_iter().take(limit).map(|row| self.shown_row(row, longest)).collect()
    }

    /// Whether a row is waiting to be imported.
    pub fn is_staged(&self, number: u64) -> bool {
        self.staged.iter().any(|row| row.number == number && row.error.is_none()) || self.has(Bug::ImportTwice)
    }

    pub fn import(&mut self, import: &Import) -> ImportResult {
        if !self.is_staged(import.row) {
            return ImportResult::Gone;
        }
        let append = match &import.verdict {
            Ok(append) => append,
            Err(why) => return self.refuse(import.row, why),
        };
        let appended = match self.append(append) {
            Appended::Conflict if !self.has(Bug::ImportTakesConflicts) => {
                return self.refuse(import.row, "id: is taken");
            }
            Appended::Duplicate if self.has(Bug::ImportRefusesDuplicates) => {
                return self.refuse(import.row, "id: is taken");
            }
            appended => appended,
        };
        if appended == Appended::Duplicate && self.has(Bug::ImportDuplicateAddsDeliveries) {
            let seq = find(self, &append.event).unwrap();
            self.store_deliveries(append, seq);
        }
        self.delete_row(import.row);
        ImportResult::Taken
    }

    pub fn delete_row(&mut self, number: u64) {
        if !self.has(Bug::ImportKeepsTheRow) {
            self.staged.retain(|row| row.number != number);
        }
    }

    fn refuse(&mut self, number: u64, why: &str) -> ImportResult {
        if let Some(row) = self.staged.iter_mut().find(|row| row.number == number) {
            row.error = Some(why.into());
        }
        if self.has(Bug::ImportAnswersTaken) { ImportResult::Taken } else { ImportResult::Refused }
    }
}

fn find(db: &Db, event: &Event) -> Option<i64> {
    assert_ne!(event.audience, Audience::Inbox);
    db.find(event.audience.work(), &event.tenant, &event.id)
}
