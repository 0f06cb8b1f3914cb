//! How a request is signed and verified. (Skeleton: the signature helper completes this module.)
mod providers;
