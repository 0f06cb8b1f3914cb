//! Coinbase CDP.

use super::hook0::HOOK0;
use crate::provider::Scheme;

/// Coinbase CDP signs in the same way as [`HOOK0`](super::HOOK0).
///
/// Source: <https://docs.cdp.coinbase.com/webhooks/verify-signatures>
pub static COINBASE_CDP: Scheme =
    Scheme { name: "coinbase_cdp", docs: "https://docs.cdp.coinbase.com/webhooks/verify-signatures", ..HOOK0 };
