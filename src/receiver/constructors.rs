//! The constructors of [`Source`](super::Source) that follow from the list of providers.

/// The constructors of a list of providers.
macro_rules! constructors {
    ($($module:ident $constant:ident $title:literal $parameters:tt;)*) => {
        impl Source {
            $(constructor! { $module $constant $title $parameters })*
        }
    };
}

/// One constructor: from the secret alone, from the secret and settings, or from settings alone.
macro_rules! constructor {
    ($module:ident $constant:ident $title:literal (_)) => {};
    ($module:ident $constant:ident $title:literal (fetch $($parameters:tt)*)) => {
        constructor! { $module $constant $title ($($parameters)*)
            " The receiver needs a [fetcher](super::ReceiverBuilder::fetch) for its keys." }
    };
    ($module:ident $constant:ident $title:literal ($secret:ident) $($note:literal)?) => {
        #[doc = concat!($title, ", checked by [`", stringify!($constant), "`](crate::provider::", stringify!($constant),
            ") and named `", stringify!($module), "`.", $($note)?)]
        ///
        /// # Errors
        /// Returns [`KeyError`] if the secret is malformed, empty, a placeholder or another kind of credential.
        pub fn $module($secret: &str) -> Result<Self, KeyError> {
            Self::known(&provider::$constant, stringify!($module), $secret)
        }
    };
    ($module:ident $constant:ident $title:literal ($($secret:ident)?$(; $($setting:ident),+)?) $($note:literal)?) => {
        #[doc = concat!($title, ", checked by [`", stringify!($constant), "`](crate::provider::", stringify!($constant),
            ") and named `", stringify!($module), "`.", $($note)?)]
        ///
        /// # Errors
        /// Returns [`ReceiverConfigError::Key`] if the secret is malformed or another kind of credential, and
        /// [`ReceiverConfigError::Setting`] if a setting has a value that cannot be used.
        pub fn $module($($secret: &str,)? $($($setting: &str),+)?) -> Result<Self, ReceiverConfigError> {
            let settings = Settings::default()$($(.with(stringify!($setting), $setting))+)?;
            Self::provider(stringify!($module), &[$($secret)?], settings)
        }
    };
}

pub(super) use {constructor, constructors};
