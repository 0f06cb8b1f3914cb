//! The description of a scheme that is code, for the guide's table.

/// A scheme in a few words. A scheme that is data needs no description, because it is made from the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    /// What proves a request, and where in the request it is.
    pub(super) proof: &'static str,
    /// What the proof covers.
    pub(super) covers: &'static str,
    /// What protects against a replay, in addition to dedup.
    pub(super) time: &'static str,
    /// Where the event's id is, and whether it is covered.
    pub(super) id: &'static str,
    /// What two requests for the same event have in common, in addition to the event type.
    pub(super) identity: &'static str,
    /// How handshakes are answered.
    pub(super) handshake: &'static str,
}

impl Summary {
    pub(super) const NONE: Self = Self::new("code", "", "none", "none", "");

    pub(super) const fn new(
        proof: &'static str,
        covers: &'static str,
        time: &'static str,
        id: &'static str,
        handshake: &'static str,
    ) -> Self {
        Self { proof, covers, time, id, identity: "the id", handshake }
    }

    /// What identifies an event, if that is not the id.
    pub(super) const fn identified_by(self, identity: &'static str) -> Self {
        Self { identity, ..self }
    }
}
