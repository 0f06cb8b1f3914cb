//! Coinbase CDP.

use super::hook0::Hook0;

pub(super) const DOCS: &str = "https://docs.cdp.coinbase.com/webhooks/verify-signatures";

/// Coinbase CDP: signed as [`HOOK0`](super::HOOK0) does.
///
/// Source: <https://docs.cdp.coinbase.com/webhooks/verify-signatures>
pub static COINBASE_CDP: Hook0 = Hook0;
