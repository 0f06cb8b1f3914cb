//! Whether an endpoint gets deliveries, why it is disabled, and what a failure does to its ordering keys.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::retry::FailReason;

/// Whether deliveries to an endpoint are attempted.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::endpoint::{DisableReason, EndpointState};
///
/// let state = EndpointState::Disabled { reason: DisableReason::Gone, at: Timestamp::EPOCH };
/// assert_ne!(state, EndpointState::Enabled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[non_exhaustive]
pub enum EndpointState {
    /// Deliveries are attempted.
    Enabled,
    /// Deliveries, old and new, are held until the endpoint is enabled.
    Disabled {
        /// Why it is disabled.
        reason: DisableReason,
        /// Since when.
        at: Timestamp,
    },
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DisableReason {
    /// The tenant disabled it.
    Requested,
    /// The application or an operator disabled it; the tenant cannot enable it.
    Operator,
    /// It returned 410 Gone.
    Gone,
    /// The owner of its URL has not confirmed yet that it accepts requests.
    Unproven,
    /// The retry policy decided to disable it.
    Policy,
    /// It failed for longer than [`SenderBuilder::disable_after`](crate::sender::SenderBuilder::disable_after) allows.
    Failing,
    /// Its tenant is being moved to another store, or was moved there, by [`Senders`](crate::sender::Senders).
    Moved,
}

/// The reason for which an endpoint is disabled by a delivery that failed for `reason`.
impl From<FailReason> for DisableReason {
    fn from(reason: FailReason) -> Self {
        if reason == FailReason::Gone { Self::Gone } else { Self::Policy }
    }
}

/// What happens to an ordering key after its first delivery has failed, with
/// [`Order::fifo`](crate::event::Order::fifo).
///
/// ```
/// use hookwire::endpoint::{NewEndpoint, OnFailure};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ledger = NewEndpoint::https("https://acme.example/ledger")?.on_failure(OnFailure::Park);
/// assert_eq!(OnFailure::default(), OnFailure::Skip);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The next delivery of the key is attempted.
    #[default]
    Skip,
    /// The failed delivery is held, and all later deliveries of the key wait until it is resent or cancelled.
    Park,
}
