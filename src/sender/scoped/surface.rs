//! The surface that a request came from.

use super::Scoped;

impl Scoped {
    /// The same rights, for requests that came from this surface. The audit log shows the surface.
    pub(crate) fn via(self, surface: &'static str) -> Self {
        Self { surface, ..self }
    }
}
