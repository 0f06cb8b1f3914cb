//! Handshakes that the application decides about.

use std::fmt;

use async_trait::async_trait;

use crate::id::Tenant;
use crate::signature::Question;

/// Says yes or no to a handshake: whether this topic was asked for (`WebSub`), whether this origin may send
/// (`CloudEvents`).
///
/// ```
/// use hookwire::id::Tenant;
/// use hookwire::receiver::Decide;
/// use hookwire::signature::Question;
///
/// #[derive(Debug)]
/// struct OurFeeds;
///
/// #[async_trait::async_trait]
/// impl Decide for OurFeeds {
///     async fn decide(&self, _: &Tenant, question: &Question) -> bool {
///         question.kind == "subscribe" && question.subject.starts_with("https://example.org/feeds/")
///     }
/// }
/// ```
#[async_trait]
pub trait Decide: fmt::Debug + Send + Sync + 'static {
    /// Whether the answer is yes for this tenant, whose route was asked. The subject was written by a stranger, and nothing of
    /// it is proved: answer no when you cannot know.
    async fn decide(&self, tenant: &Tenant, question: &Question) -> bool;
}
