//! The metric of TLS handshakes.

use metrics::counter;

/// Counts a TLS handshake that has succeeded.
pub(crate) fn tls_handshake(resumed: bool) {
    let resumed = if resumed { "true" } else { "false" };
    counter!("hookwire_tls_handshakes_total", "resumed" => resumed).increment(1);
}
