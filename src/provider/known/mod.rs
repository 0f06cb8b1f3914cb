//! The providers: one small file for each, with its scheme and a link to the provider's page.

use super::list::providers;
use super::scheme::Scheme;

/// Declares the files of the list and the table of their providers.
macro_rules! declare {
    ($($module:ident $constant:ident $title:literal $parameters:tt;)*) => {
        $(
            mod $module;
            pub use self::$module::$constant;
        )*

        /// The providers of the list.
        pub(in crate::provider) static LIST: &[&Scheme] = &[$(&$constant),*];
    };
}

providers!(declare);

#[cfg(feature = "mcp-events")]
pub(super) mod draft;
#[cfg(not(feature = "mcp-events"))]
#[path = "draft_none.rs"]
pub(super) mod draft;
#[cfg(feature = "public-key")]
pub(super) mod public_key;
#[cfg(not(feature = "public-key"))]
#[path = "public_key_none.rs"]
pub(super) mod public_key;

pub use self::standard::STANDARD_STRICT;
pub use self::twilio::twilio_signature;
