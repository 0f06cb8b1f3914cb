//! For tests, yours and ours (feature `test-util`): a clock that is set by hand, and the suite that every store must
//! pass.

mod clock;
pub mod conformance;
pub mod endpoint;

pub use self::clock::ManualClock;
