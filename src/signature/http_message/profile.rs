//! What an application requires of a signature (RFC 9421 section 1.4).

/// What a signature must cover and contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub(super) tag: &'static str,
    pub(super) required: &'static [&'static str],
    pub(super) where_present: &'static [&'static str],
    pub(super) max_secs: i64,
    pub(super) leeway_secs: i64,
}

/// The profile for webhooks; see the [module](super) for its requirements.
pub static WEBHOOK: Profile = Profile::new("webhook")
    .required(&["@method", "@target-uri", "@authority", "content-type", "content-digest"])
    .where_present(&["webhook-id"]);

impl Profile {
    /// A profile for signatures with this tag. They are valid for 300 s, clocks may differ by a minute, and `content-digest` must
    /// be covered.
    #[must_use]
    pub const fn new(tag: &'static str) -> Self {
        Self { tag, required: &["content-digest"], where_present: &[], max_secs: 300, leeway_secs: 60 }
    }

    /// Which components must be covered, in the order in which they are signed.
    #[must_use]
    pub const fn required(self, components: &'static [&'static str]) -> Self {
        Self { required: components, ..self }
    }

    /// Which headers must be covered if they are present.
    #[must_use]
    pub const fn where_present(self, headers: &'static [&'static str]) -> Self {
        Self { where_present: headers, ..self }
    }

    /// The maximum number of seconds for which a signature may be valid.
    #[must_use]
    pub const fn valid_for(self, secs: u32) -> Self {
        Self { max_secs: secs as i64, ..self }
    }
}
