//! `SonarQube` Cloud.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// `SonarQube` Cloud, and `SonarQube` Server: `X-Sonar-Webhook-HMAC-SHA256`, over the body. No time is signed; the id of the analysis
/// task is.
///
/// Source: <https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/>
pub static SONARCLOUD: Scheme =
    Scheme::new("sonarcloud", "https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-sonar-webhook-hmac-sha256"]))
        .signed_id(&[Place::Json("/taskId")])
        .retries(Retries::unchecked("https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/"));
