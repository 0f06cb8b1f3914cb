//! What every page uses: the sender, and what the host has set.

use std::fmt;
use std::sync::Arc;

use super::brand::Brand;
use super::damage::Damage;
use super::frame::FramePolicy;
use crate::entropy;
use crate::event::Event;
use crate::receiver::inbox::Inbox;
use crate::sender::Sender;

/// Pages for one sender. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Console {
    pub(super) shared: Arc<Shared>,
}

/// What is shown of a payload.
pub(super) type Redact = Arc<dyn Fn(&Event) -> Option<String> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: Sender,
    pub(super) inbox: Option<Inbox>,
    pub(super) brand: Brand,
    pub(super) frames: FramePolicy,
    pub(super) redact: Option<Redact>,
    pub(super) damage: Damage,
    /// The key that signs the tokens of forms. `None` if the system had no random bytes; then every token is refused.
    pub(super) token_key: Option<[u8; 32]>,
}

impl Shared {
    pub(super) fn new(sender: Sender) -> Self {
        let mut key = [0; 32];
        let token_key = entropy::fill(&mut key).is_ok().then_some(key);
        Self {
            sender,
            inbox: None,
            brand: Brand { name: "Webhooks".into(), logo: None, accent: None },
            frames: FramePolicy::default(),
            redact: None,
            damage: Damage::default(),
            token_key,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("sender", &self.sender)
            .field("inbox", &self.inbox)
            .field("brand", &self.brand)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}
