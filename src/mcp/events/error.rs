//! The draft's errors.

use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde_json::{Value, json};

use crate::sender::EndpointError;
use crate::store::StoreError;

/// Default code of [`Refused::NotFound`]. The codes of the other errors of the draft count down from it.
pub(super) const FIRST_ERROR_CODE: i32 = -32011;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Refused {
    /// A parameter is invalid.
    Params(String),
    Unauthenticated,
    Forbidden,
    NotFound(&'static str),
    Exhausted {
        limit: &'static str,
        max: usize,
    },
    Unsupported {
        feature: &'static str,
        value: String,
    },
    Callback {
        reason: &'static str,
    },
    Unavailable,
}

impl Refused {
    pub(super) fn params(error: impl std::fmt::Display) -> Self {
        Self::Params(error.to_string())
    }

    pub(super) fn into_error(self, first_code: i32) -> ErrorData {
        let error = |place: i32, message: &'static str, data: Value| {
            ErrorData::new(ErrorCode(first_code.saturating_sub(place)), message, Some(data))
        };
        match self {
            Self::Params(message) => ErrorData::invalid_params(message, None),
            Self::Unauthenticated => ErrorData::invalid_request("the request is not authenticated", None),
            Self::Forbidden => error(1, "Forbidden", Value::Null),
            Self::NotFound(kind) => error(0, "NotFound", json!({ "kind": kind })),
            Self::Exhausted { limit, max } => error(2, "ResourceExhausted", json!({ "limit": limit, "max": max })),
            Self::Unsupported { feature, value } => {
                error(3, "Unsupported", json!({ "feature": feature, "value": value }))
            }
            Self::Callback { reason } => error(4, "CallbackEndpointError", json!({ "reason": reason })),
            Self::Unavailable => ErrorData::internal_error("the store is unavailable; try again", None),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a store call has failed");
        Self::Unavailable
    }
}

impl From<EndpointError> for Refused {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Store(error) => error.into(),
            EndpointError::NotFound => Self::NotFound("subscription"),
            EndpointError::TooMany { limit } => Self::Exhausted { limit: "subscriptions", max: limit },
            EndpointError::DisabledByOperator | EndpointError::ReadOnly => Self::Forbidden,
            EndpointError::Unproven => Self::Callback { reason: "challenge_failed" },
            error => Self::params(error),
        }
    }
}
