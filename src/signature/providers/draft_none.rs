//! Without the feature `mcp-events` there are no providers of that kind.

use super::Provider;

pub(super) const LIST: &[Provider] = &[];
