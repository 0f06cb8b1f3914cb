//! Receiving in each web framework. All of it is in the test.
