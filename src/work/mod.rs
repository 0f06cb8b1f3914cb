//! How much work checking a request takes, for tests of what a stranger can make us do.

#[cfg(feature = "test-util")]
mod counted;
#[cfg(not(feature = "test-util"))]
mod uncounted;

pub(crate) use self::counted::spent;
#[cfg(feature = "test-util")]
pub use self::counted::total;
#[cfg(not(feature = "test-util"))]
use self::uncounted as counted;
