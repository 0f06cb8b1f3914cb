//! A receiver: its sources by name, and one dedup store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::body::BodyLimits;
use super::config_error::ReceiverConfigError;
use super::dedup::Deduper;
use super::documents::DocumentCache;
use super::gate::Gate;
use super::source::Source;

/// Receives events from any number of sources, with one dedup store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Receiver {
    sources: Arc<HashMap<Arc<str>, Arc<Source>>>,
    max_body: Option<usize>,
    body_deadline: Duration,
    deduper: Arc<Deduper>,
    documents: Arc<DocumentCache>,
}

impl Receiver {
    pub(super) fn new(
        sources: HashMap<Arc<str>, Arc<Source>>,
        (max_body, body_deadline): (Option<usize>, Duration),
        deduper: Deduper,
        documents: DocumentCache,
    ) -> Self {
        Self {
            sources: Arc::new(sources),
            max_body,
            body_deadline,
            deduper: Arc::new(deduper),
            documents: Arc::new(documents),
        }
    }

    /// Returns the names of the sources, sorted.
    pub fn source_names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<_> = self.sources.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// Returns the gate of one source. It is the tower layer for the routes of this source, and it has methods for a framework without
    /// tower.
    ///
    /// ```
    /// # use hookwire::receiver::{Receiver, Source};
    /// # use hookwire::store::MemoryDedup;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Source::stripe("whsec_one_of_stripe_s")?;
    /// let receiver = Receiver::builder(MemoryDedup::new()).source(source).build()?;
    /// assert!(receiver.gate("stripe").is_ok() && receiver.gate("strips").is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`ReceiverConfigError::UnknownSource`] if the receiver has no source of this name.
    pub fn gate(&self, source: &str) -> Result<Gate, ReceiverConfigError> {
        let source = self.sources.get(source).ok_or_else(|| ReceiverConfigError::UnknownSource(source.into()))?;
        let limits = BodyLimits { max_bytes: source.max_body_or(self.max_body), deadline: self.body_deadline };
        Ok(Gate::new(Arc::clone(source), limits, Arc::clone(&self.deduper), Arc::clone(&self.documents)))
    }
}
