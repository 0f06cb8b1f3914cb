//! Grafana Alerting, with a timestamp header.

use crate::provider::{Fact, Retries, Scheme};
use crate::signature::{Encoding, Hash, Part, Place, Signature, Stamp};

/// Grafana Alerting, for a contact point whose timestamp header is `X-Grafana-Alerting-Timestamp`: the signature in
/// `X-Grafana-Alerting-Signature` covers `time:body`. The time is signed, and a repeated request is signed anew. There is no id.
///
/// Source: <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>
pub static GRAFANA_TIMED: Scheme = Scheme::new(
    "grafana_timed",
    "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/",
)
.signature(
    Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-grafana-alerting-signature"])
        .signed(&[Part::Timestamp, Part::Text(":"), Part::Body])
        .stamp(Stamp::header("x-grafana-alerting-timestamp")),
)
.event_type(&[Place::Json("/status")])
.retries(
    Retries::documented("https://github.com/grafana/alerting/blob/main/http/hmac.go").signed_anew(Fact::Yes),
);
