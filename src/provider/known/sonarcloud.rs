//! `SonarQube` Cloud.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// `SonarQube` Cloud and `SonarQube` Server: the signature in `X-Sonar-Webhook-HMAC-SHA256` covers the body. The id of the analysis task is
/// signed; no time is signed.
///
/// Source: <https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/>
pub static SONARCLOUD: Scheme =
    Scheme::new("sonarcloud", "https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/")
        .signature(Signature::hmac(Hash::Sha256, Encoding::Hex, &["x-sonar-webhook-hmac-sha256"]))
        .signed_id(&[Place::Json("/taskId")])
        .retries(Retries::unchecked("https://docs.sonarsource.com/sonarqube-cloud/digging-deeper/webhooks/"));
