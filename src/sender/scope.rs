//! The identity and the rights of a caller.

use std::sync::Arc;

use crate::id::Tenant;

/// The identity and the rights of a caller: an operator or one tenant, read-only or not.
///
/// The application's own authentication creates it and puts it into the extensions of a request. The parts of hookwire that handle requests
/// read it there, and use the sender through [`Sender::scoped`](super::Sender::scoped).
///
/// ```
/// use hookwire::sender::Scope;
///
/// let acme = Scope::tenant("acme");
/// assert!(acme.covers(&"acme".into()) && !acme.covers(&"other".into()));
/// assert!(Scope::operator().covers(&"other".into()));
/// assert!(Scope::operator().read_only().is_read_only());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `None` for an operator.
    tenant: Option<Tenant>,
    access: Access,
    /// The name for the audit log.
    name: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Full,
    ReadOnly,
}

impl Scope {
    /// A tenant: reads and changes what belongs to it, and cannot find out whether anything else exists.
    #[must_use]
    pub fn tenant(tenant: impl Into<Tenant>) -> Self {
        Self { tenant: Some(tenant.into()), access: Access::Full, name: None }
    }

    /// An operator: reads and changes what belongs to any tenant.
    #[must_use]
    pub const fn operator() -> Self {
        Self { tenant: None, access: Access::Full, name: None }
    }

    /// The same scope without the right to change or send anything.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { access: Access::ReadOnly, ..self }
    }

    /// The same scope with the name of the caller, such as an e-mail address or the name of a key. The [audit
    /// log](crate::store::AuditLog) shows it beside every change; only its first 256 bytes are kept.
    ///
    /// ```
    /// use hookwire::sender::Scope;
    ///
    /// assert_eq!(Scope::tenant("acme").named("ann@acme.example").name(), "ann@acme.example");
    /// assert_eq!(Scope::operator().name(), "");
    /// ```
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The name of the caller. Empty if the application has set none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Whether every change is refused.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        matches!(self.access, Access::ReadOnly)
    }

    /// Whether this tenant's data is within the scope.
    #[must_use]
    pub fn covers(&self, tenant: &Tenant) -> bool {
        self.tenant.as_ref().is_none_or(|own| own == tenant)
    }

    /// The one tenant of the scope; `None` for an operator.
    #[must_use]
    pub const fn as_tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }
}
