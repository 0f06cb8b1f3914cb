//! Constructors of the sources whose keys are public ones.

use super::config_error::ReceiverConfigError;
use super::constructors::{constructor, constructors};
use super::source::Source;
use crate::provider::{self, public_key_providers};
use crate::secret::KeyError;
use crate::signature::Settings;

public_key_providers!(constructors);

impl Source {
    /// Amazon SNS, checked by [`AWS_SNS`](crate::provider::AWS_SNS) and named `aws_sns`. The receiver needs a
    /// [fetcher](super::ReceiverBuilder::fetch).
    ///
    /// # Errors
    /// Returns [`ReceiverConfigError::MissingSetting`] if there is no topic.
    pub fn aws_sns<I>(topic_arns: I) -> Result<Self, ReceiverConfigError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let settings = topic_arns.into_iter().fold(Settings::default(), |all, arn| all.with("topic_arns", arn));
        Self::provider("aws_sns", &[], settings)
    }
}
