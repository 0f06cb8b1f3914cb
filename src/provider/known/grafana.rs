//! Grafana Alerting.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// Grafana Alerting: the signature in `X-Grafana-Alerting-Signature` covers the body. There is neither a signed time nor an id.
/// For a contact point with a timestamp header, use [`GRAFANA_TIMED`](super::GRAFANA_TIMED).
///
/// Source: <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>
pub static GRAFANA: Scheme = Scheme::new(
    "grafana",
    "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/",
)
.signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-grafana-alerting-signature"]))
.event_type(&[Place::Json("/status")])
.retries(
    Retries::documented("https://github.com/grafana/alerting/blob/main/http/hmac.go"),
);
