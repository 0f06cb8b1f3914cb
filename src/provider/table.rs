//! Every provider by its name.

use super::known::{self, STANDARD, draft, public_key};
use super::scheme::Scheme;

impl Scheme {
    /// The scheme of every provider in the list.
    ///
    /// ```
    /// use hookwire::provider::Scheme;
    ///
    /// assert!(Scheme::all().any(|scheme| scheme.name() == "github"));
    /// ```
    pub fn all() -> impl Iterator<Item = &'static Self> {
        known::LIST.iter().chain(public_key::LIST).chain(draft::LIST).copied()
    }

    /// The scheme of the provider with this name; `standard-webhooks` is another name of `standard`.
    ///
    /// ```
    /// use hookwire::provider::Scheme;
    ///
    /// let github = Scheme::named("github").ok_or("unknown")?;
    /// assert!(github.docs().starts_with("https://docs.github.com/"));
    /// assert!(Scheme::named("gitbub").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = if name == "standard-webhooks" { STANDARD.name() } else { name };
        Self::all().find(|scheme| scheme.name() == name)
    }
}
