//! One small file a provider.
