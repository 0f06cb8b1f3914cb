//! Dispatching from each database library. All of it is in the test.
