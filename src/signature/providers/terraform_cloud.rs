//! HCP Terraform.

use crate::signature::{Encoding, Hash, Place, Retries, Scheme, Signature};

/// HCP Terraform: `X-TFE-Notification-Signature`, HMAC with SHA-512, over the body. There is neither a signed time nor an id; the
/// type is the first notification's trigger.
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
