//! Providers that follow a draft.

use super::super::list::draft_providers;
use super::super::scheme::Scheme;

draft_providers!(declare);

pub use self::mcp_events::McpMessage;
