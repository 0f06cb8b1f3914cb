//! For tests, yours and ours (feature `test-util`): clocks, and the suite that every store must
//! pass.

mod clock;
pub mod conformance;
pub mod endpoint;

pub use self::clock::{ManualClock, TokioClock};
