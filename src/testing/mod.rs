//! For tests, yours and ours (feature `test-util`): clocks, a store that fails when it is told to, and the suite that every
//! store must pass.

mod clock;
pub mod conformance;
pub mod endpoint;
mod faulty;
mod signed;

pub use self::clock::{ManualClock, TokioClock};
pub use self::faulty::{Chances, Fault, FaultyStore};
pub use self::signed::signed_request;
pub use crate::work::total as work_done;
