//! Constructors of the sources that follow a draft.

use super::constructors::{constructor, constructors};
use super::source::Source;
use crate::provider::{self, draft_providers};
use crate::secret::KeyError;

draft_providers!(constructors);
