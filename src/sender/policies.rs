//! The retry policies of a sender, and the choice of the policy for a delivery.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::{EventType, Pattern};
use crate::retry::RetryPolicy;

#[derive(Debug)]
pub(super) struct Policies {
    pub(super) default: Arc<dyn RetryPolicy>,
    pub(super) named: HashMap<Arc<str>, Arc<dyn RetryPolicy>>,
    pub(super) by_type: Vec<(Pattern, Arc<dyn RetryPolicy>)>,
}

impl Policies {
    /// Whether there is only the default policy.
    pub(super) fn is_one(&self) -> bool {
        self.named.is_empty() && self.by_type.is_empty()
    }

    /// Chooses the endpoint's own policy; otherwise the first policy whose pattern matches the type; otherwise the default. A name that the
    /// sender does not have is ignored.
    pub(super) fn choose(&self, name: Option<&str>, event_type: &EventType) -> Arc<dyn RetryPolicy> {
        let named = name.and_then(|name| self.named.get(name));
        let by_type = || self.by_type.iter().find(|(pattern, _)| pattern.matches(event_type)).map(|(_, policy)| policy);
        named.or_else(by_type).unwrap_or(&self.default).clone()
    }
}
