//! Receiving. (Skeleton.)
