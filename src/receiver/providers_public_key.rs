//! Constructors of the sources whose keys are public ones.

use super::source::{Source, SourceError};
use crate::secret::KeyError;
use crate::signature::Settings;
use crate::signature::providers::{SENDGRID, WISE};

impl Source {
    /// SendGrid's event webhook, checked by [`SENDGRID`] and named `sendgrid`, by the public key that the dashboard shows.
    ///
    /// # Errors
    /// When the key is none.
    pub fn sendgrid(public_key: &str) -> Result<Self, KeyError> {
        Self::known(&SENDGRID, "sendgrid", public_key)
    }

    /// Wise, checked by [`WISE`] and named `wise`, by the public key that Wise publishes (PEM or base64).
    ///
    /// # Errors
    /// When the key is none.
    pub fn wise(public_key: &str) -> Result<Self, KeyError> {
        Self::known(&WISE, "wise", public_key)
    }

    /// Apple App Store Server Notifications, checked by [`APPLE_APP_STORE`](crate::signature::providers::APPLE_APP_STORE) and named
    /// `apple_app_store`, for the app of this bundle id. There is no secret.
    ///
    /// # Errors
    /// None at present.
    pub fn apple_app_store(bundle_id: &str) -> Result<Self, SourceError> {
        Self::provider("apple_app_store", &[], Settings::default().with("bundle_id", bundle_id))
    }

    /// PayPal, checked by [`PAYPAL`](crate::signature::providers::PAYPAL) and named `paypal`. The receiver needs a
    /// [fetcher](super::ReceiverBuilder::fetch).
    ///
    /// # Errors
    /// When the id is empty.
    pub fn paypal(webhook_id: &str) -> Result<Self, SourceError> {
        Self::provider("paypal", &[webhook_id], Settings::default())
    }

    /// Amazon SNS, checked by [`AWS_SNS`](crate::signature::providers::AWS_SNS) and named `aws_sns`. The receiver needs a
    /// [fetcher](super::ReceiverBuilder::fetch).
    ///
    /// # Errors
    /// When there is no topic.
    pub fn aws_sns<I>(topic_arns: I) -> Result<Self, SourceError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let settings = topic_arns.into_iter().fold(Settings::default(), |all, arn| all.with("topic_arns", arn));
        Self::provider("aws_sns", &[], settings)
    }

    /// Google Cloud Pub/Sub push, checked by [`GOOGLE_PUBSUB`](crate::signature::providers::GOOGLE_PUBSUB) and named
    /// `google_pubsub`. The receiver needs a [fetcher](super::ReceiverBuilder::fetch).
    ///
    /// # Errors
    /// None at present.
    pub fn google_pubsub(audience: &str, service_account_email: &str) -> Result<Self, SourceError> {
        let settings = Settings::default().with("audience", audience);
        Self::provider("google_pubsub", &[], settings.with("service_account_email", service_account_email))
    }

    /// Plaid, checked by [`PLAID`](crate::signature::providers::PLAID) and named `plaid`; client id and API secret are
    /// for fetching its keys. The receiver needs a [fetcher](super::ReceiverBuilder::fetch).
    ///
    /// # Errors
    /// None at present.
    pub fn plaid(client_id: &str, api_secret: &str) -> Result<Self, SourceError> {
        let settings = Settings::default().with("client_id", client_id).with("api_secret", api_secret);
        Self::provider("plaid", &[], settings)
    }

    /// Microsoft Graph, checked by [`MICROSOFT_GRAPH`](crate::signature::providers::MICROSOFT_GRAPH) and named
    /// `microsoft_graph`, by the `clientState` of the subscription.
    ///
    /// # Errors
    /// When the secret is empty.
    pub fn microsoft_graph(client_state: &str) -> Result<Self, SourceError> {
        Self::provider("microsoft_graph", &[client_state], Settings::default())
    }

    /// Atlassian Connect, checked by [`ATLASSIAN_CONNECT`](crate::signature::providers::ATLASSIAN_CONNECT) and named
    /// `atlassian_connect`, by the shared secret of one tenant. For lifecycle callbacks, make one without a secret by
    /// [`provider`](Self::provider).
    ///
    /// # Errors
    /// When the secret is empty.
    pub fn atlassian_connect(shared_secret: &str, base_url: &str) -> Result<Self, SourceError> {
        Self::provider("atlassian_connect", &[shared_secret], Settings::default().with("base_url", base_url))
    }
}
