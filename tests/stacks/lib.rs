//! Receiving in each web framework. All of the code is in the test.
