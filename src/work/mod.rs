//! The cost of checking a request, for tests of how much work an untrusted request can cause.

#[cfg(feature = "test-util")]
mod counted;
#[cfg(not(feature = "test-util"))]
mod uncounted;

pub(crate) use self::counted::spent;
#[cfg(feature = "test-util")]
pub use self::counted::total;
#[cfg(not(feature = "test-util"))]
use self::uncounted as counted;
