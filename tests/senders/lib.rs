//! Dispatching from each database library. All of the code is in the test.
