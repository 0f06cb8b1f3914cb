//! HCP Terraform.

use crate::provider::{Retries, Scheme};
use crate::signature::{Encoding, Hash, Place, Signature};

/// HCP Terraform: the signature in `X-TFE-Notification-Signature` (HMAC-SHA512) covers the body. There is neither a signed time
/// nor an id; the type is the trigger of the first notification.
///
/// Source: <https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations>
pub static TERRAFORM_CLOUD: Scheme = Scheme::new(
    "terraform_cloud",
    "https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations",
)
.signature(Signature::hmac(Hash::Sha512, Encoding::Hex, &["x-tfe-notification-signature"]))
.event_type(&[Place::Json("/notifications/0/trigger")])
.retries(Retries::documented(
    "https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations",
));
