//! The egress guard. (Skeleton.)
