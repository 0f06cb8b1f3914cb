//! Providers that follow a draft.

mod mcp_events;

pub use self::mcp_events::{MCP_EVENTS, McpMessage};
use super::Provider;

/// The providers of this module.
pub(super) const LIST: &[Provider] = &[Provider::of(&MCP_EVENTS)];
