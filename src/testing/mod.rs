//! Tools for tests, of applications and of stores (feature `test-util`): clocks, a scripted endpoint, a store that fails on request, and
//! the [conformance suite](conformance) that every store must pass.

mod clock;
pub mod conformance;
pub mod endpoint;
mod faulty;
#[cfg(feature = "sender")]
pub mod http;
mod random;
mod signed;

pub use self::clock::{ManualClock, TokioClock};
pub use self::faulty::{Fault, FaultyStore};
pub use self::signed::signed_request;
pub use crate::work::total as work_done;
