//! The state of the API that every route uses: the sender, the limits and the description.

use std::fmt;
use std::sync::Arc;

use utoipa::openapi::OpenApi;

use crate::sender::Sender;

/// An HTTP API for one sender. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Manage {
    pub(super) shared: Arc<Shared>,
}

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: Sender,
    pub(super) body_bytes: usize,
    pub(super) openapi: Arc<OpenApi>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("sender", &self.sender).finish_non_exhaustive()
    }
}
