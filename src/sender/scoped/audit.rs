//! The audit log within a scope.

use super::super::error::{DeliveryError, EndpointError};
use super::Scoped;
use crate::id::Tenant;
use crate::store::{AuditEntry, AuditQuery, Listed, Page, StoreError};

/// The maximum length of the name of a caller, in bytes.
const MAX_NAME: usize = 256;

/// The maximum length of the id of an object, in bytes. No id is longer.
const MAX_OBJECT: usize = 256;

/// The maximum length of the details of a change, in bytes.
const MAX_DETAIL: usize = 1_024;

/// An error after which it may be unknown whether the change was made, or which part of it was made.
pub(crate) trait MayHaveHappened {
    /// Whether the store has failed: this call may have taken effect, and earlier calls for the same change did.
    fn may_have_happened(&self) -> bool;
}

impl MayHaveHappened for StoreError {
    fn may_have_happened(&self) -> bool {
        true
    }
}

impl MayHaveHappened for EndpointError {
    fn may_have_happened(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

impl MayHaveHappened for DeliveryError {
    fn may_have_happened(&self) -> bool {
        matches!(self, Self::Store(_))
    }
}

/// A change, for the audit log.
#[derive(Debug)]
pub(crate) struct AuditedChange<'a> {
    /// What is done, such as `endpoint.update`.
    pub(crate) action: &'static str,
    /// The tenant of the object. `None` if it is unknown.
    pub(crate) tenant: Option<&'a Tenant>,
    /// The id of the object.
    pub(crate) object: String,
    pub(crate) detail: String,
}

impl<'a> AuditedChange<'a> {
    pub(crate) fn new(action: &'static str, tenant: impl Into<Option<&'a Tenant>>, object: impl ToString) -> Self {
        Self { action, tenant: tenant.into(), object: object.to_string(), detail: String::new() }
    }

    /// Adds the details of the change.
    pub(crate) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

impl Scoped {
    /// Lists the changes to objects of the query's tenant, or of every tenant in scope, a page at a time. A tenant does not see the names
    /// of operators.
    ///
    /// ```
    /// use hookwire::endpoint::NewEndpoint;
    /// use hookwire::sender::{Scope, Sender};
    /// use hookwire::store::{AuditQuery, MemoryStore, Page};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sender = Sender::builder(MemoryStore::new()).build()?;
    /// let ann = sender.scoped(Scope::tenant("acme").named("ann"));
    /// let endpoint = ann.create(NewEndpoint::https("https://acme.example/hooks")?).await?;
    ///
    /// let log = ann.audit_log(AuditQuery::default(), Page::of(10).newest_first()).await?;
    /// let entry = &log.items[0];
    /// assert_eq!((&*entry.actor, &*entry.action, entry.succeeded), ("ann", "endpoint.create", Some(true)));
    /// assert_eq!(*entry.object, endpoint.id.to_string());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn audit_log(&self, query: AuditQuery, page: Page<u64>) -> Result<Listed<AuditEntry, u64>, StoreError> {
        let Some(tenant) = self.listed(query.tenant.as_ref()).map(Option::<&Tenant>::cloned) else {
            return Ok(Listed::default());
        };
        // No entry has such an object id, and not every store accepts it.
        if query.object.as_ref().is_some_and(|object| bounded(object, MAX_OBJECT) != *object) {
            return Ok(Listed::default());
        }
        let found = self.sender.shared.store.audit_log(&AuditQuery { tenant, ..query }, page).await?;
        let hides_operators = self.scope.as_tenant().is_some();
        Ok(found.map(|entry| match entry.by_operator && hides_operators {
            true => AuditEntry { actor: "".into(), ..entry },
            false => entry,
        }))
    }

    /// Records a change, makes it, and records its result if the result is known. If the record cannot be stored, the change is not made.
    pub(crate) async fn audited<T, E: From<StoreError> + MayHaveHappened>(
        &self,
        change: AuditedChange<'_>,
        make: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let store = &self.sender.shared.store;
        let number = store.audit(self.entry(&change)).await?;
        let made = make.await;
        if made.as_ref().is_err_and(MayHaveHappened::may_have_happened) {
            return made;
        }
        if let Err(error) = store.conclude(number, made.is_ok()).await {
            // The caller must learn the result of the change, although the log shows the result as unknown.
            let (AuditedChange { action, object, .. }, succeeded) = (&change, made.is_ok());
            tracing::error!(%error, number, action, object, succeeded, "the result of a change is missing in the audit log");
        }
        made
    }

    /// The beginning of the caller's name.
    pub(crate) fn caller_name(&self) -> Box<str> {
        bounded(self.scope.name(), MAX_NAME)
    }

    fn entry(&self, change: &AuditedChange<'_>) -> AuditEntry {
        AuditEntry {
            number: 0,
            at: self.now(),
            tenant: change.tenant.cloned(),
            actor: self.caller_name(),
            by_operator: self.scope.as_tenant().is_none(),
            surface: self.surface.into(),
            action: change.action.into(),
            object: bounded(&change.object, MAX_OBJECT),
            detail: bounded(&change.detail, MAX_DETAIL),
            succeeded: None,
        }
    }
}

/// A number of deliveries, for the details of a change.
pub(super) fn counted(deliveries: usize) -> String {
    if deliveries == 1 { "1 delivery".into() } else { format!("{deliveries} deliveries") }
}

/// The beginning of a text, without control characters, which not every store can keep.
fn bounded(text: &str, most: usize) -> Box<str> {
    let mut kept = String::with_capacity(text.len().min(most));
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if kept.len() + letter.len_utf8() > most {
            break;
        }
        kept.push(letter);
    }
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn a_long_text_ends_at_a_character_and_loses_control_characters() {
        assert_eq!(&*bounded("a\0b\nc", 9), "abc");
        assert_eq!(&*bounded("aää", 4), "aä");
    }
}
