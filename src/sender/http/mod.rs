//! The HTTP client. (Skeleton.)
