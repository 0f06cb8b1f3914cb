//! Without the feature `mcp-events` this list of providers is empty.

use crate::provider::Scheme;

pub(in crate::provider) static LIST: &[&Scheme] = &[];
