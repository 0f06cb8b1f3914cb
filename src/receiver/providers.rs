//! One constructor for each provider.

use super::config_error::ReceiverConfigError;
use super::constructors::{constructor, constructors};
use super::source::Source;
use crate::provider::{self, providers};
use crate::secret::KeyError;
use crate::signature::Settings;

providers!(constructors);
