//! The testing kit. (Skeleton.)
