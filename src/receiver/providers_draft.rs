//! Constructors of the sources that follow a draft.

use super::source::Source;
use crate::secret::KeyError;
use crate::signature::providers::MCP_EVENTS;

impl Source {
    /// MCP Triggers & Events (**a draft**), checked by [`MCP_EVENTS`] and named `mcp_events`, by the secret that was given
    /// when subscribing.
    ///
    /// # Errors
    /// When the secret is no `whsec_` key.
    pub fn mcp_events(secret: &str) -> Result<Self, KeyError> {
        Self::known(&MCP_EVENTS, "mcp_events", secret)
    }
}
