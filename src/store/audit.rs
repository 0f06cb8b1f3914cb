//! The role that keeps the audit log: who changed what.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Listed, Page, StoreError};
use crate::clock::Timestamp;
use crate::id::Tenant;

/// The record of a change: who asked for it, what it concerns, and whether it was made.
///
/// [`Scoped`](crate::sender::Scoped) records an entry before it makes a change, and its result afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct AuditEntry {
    /// The position in the order of recording. It is the cursor for the next page. The store sets it. An entry may become visible a moment
    /// after one with a higher number, and its result changes later: a program that follows the log reads the last minute again.
    pub number: u64,
    /// When the change was asked for.
    pub at: Timestamp,
    /// The tenant whose object is changed. `None` if it is unknown, or if the object belongs to no tenant.
    pub tenant: Option<Tenant>,
    /// The name of the caller, from [`Scope::named`](crate::sender::Scope::named). Empty if the application has set none.
    pub actor: Box<str>,
    /// Whether the caller was an operator. Otherwise it was the tenant.
    pub by_operator: bool,
    /// Where the request came from: `code` (the application), `manage`, `console` or `mcp`.
    pub surface: Box<str>,
    /// What was asked for, such as `endpoint.update`.
    pub action: Box<str>,
    /// The id of the object that is changed.
    pub object: Box<str>,
    /// What exactly is changed, such as the names of the fields.
    pub detail: Box<str>,
    /// Whether the change was made. `None` if this is unknown: the change is not finished, its caller did not wait for the result, its
    /// process ended first, or the store failed.
    pub succeeded: Option<bool>,
}

/// A filter for audit entries: an entry matches when it matches every field that is set.
///
/// ```
/// use hookwire::id::Tenant;
/// use hookwire::store::AuditQuery;
///
/// let query = AuditQuery::default().tenant(Tenant::from("acme")).object("order-1");
/// assert_eq!(query.object.as_deref(), Some("order-1"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuditQuery {
    /// The tenant whose object was changed.
    pub tenant: Option<Tenant>,
    /// The id of the object that was changed.
    pub object: Option<Box<str>>,
}

impl AuditQuery {
    /// Limits the query to objects of this tenant. With `None` it is not limited.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Option<Tenant>>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Limits the query to this object. With `None` it is not limited.
    #[must_use]
    pub fn object<'a>(mut self, id: impl Into<Option<&'a str>>) -> Self {
        self.object = id.into().map(Into::into);
        self
    }

    /// Returns whether an entry matches.
    #[must_use]
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| entry.tenant.as_ref() == Some(tenant))
            && self.object.as_ref().is_none_or(|object| entry.object == *object)
    }
}

/// Keeps the audit log: who changed what.
///
/// 1. `audit` MUST keep every field of an entry except its number (`an_audit_entry_reads_back_as_recorded`). The number that it returns
///    MUST be higher than the numbers of the entries that were recorded before (`audit_entries_are_numbered_in_order`).
/// 2. `conclude` MUST set the result of this entry and of no other one (`a_result_belongs_to_its_entry`). It MUST NOT do anything if there
///    is no such entry (`a_result_without_an_entry_is_ignored`).
/// 3. `audit_log` MUST return the entries that match the query, sorted by number, a page at a time
///    (`the_audit_log_is_filtered_by_tenant_and_object`, `the_audit_log_is_read_in_pages`).
/// 4. `prune_audit` MUST delete the entries that are older than the given time, at most `limit` in a call, and no other entry
///    (`prune_audit_forgets_old_entries_only`, `prune_audit_is_bounded`). A store MAY keep the newest entry, so that its numbers rise.
#[async_trait]
pub trait AuditLog: fmt::Debug + Send + Sync + 'static {
    /// Stores an entry and returns its number.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn audit(&self, entry: AuditEntry) -> Result<u64, StoreError>;

    /// Stores the result of the change of an entry.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn conclude(&self, number: u64, succeeded: bool) -> Result<(), StoreError>;

    /// Lists entries, a page at a time. A page may be short although the list goes on: see [`Listed`].
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn audit_log(&self, query: &AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError>;

    /// Deletes entries that were recorded before `before`, at most `limit`. Returns their number. A result below `limit` means that nothing
    /// is left to delete.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    async fn prune_audit(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

delegate_store! { [S: AuditLog + ?Sized] Arc<S>, |shared| **shared; AuditLog }
