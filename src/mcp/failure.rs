//! Failures of tool calls: a category that a model can act on, and no text from outside.

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde_json::json;

use crate::sender::{DeliveryError, EndpointError};
use crate::store::StoreError;

/// The reason why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request is not authenticated.
    Unauthenticated,
    /// An argument is invalid.
    Invalid { field: &'static str, message: String },
    /// The call failed for a reason that the model can act on.
    Tool { category: &'static str, message: String },
    /// There were too many calls. The next call is possible after this number of seconds.
    RateLimited { seconds: u64 },
}

impl Failure {
    pub(super) fn invalid(field: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Invalid { field, message: error.to_string() }
    }

    pub(super) fn tool(category: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Tool { category, message: error.to_string() }
    }

    /// The failure for an object that does not exist or is out of scope.
    pub(super) fn not_found() -> Self {
        Self::tool("not_found", "there is no object with this id")
    }

    /// A JSON-RPC error if the call itself is invalid, and otherwise a tool result that the model can act on.
    pub(super) fn into_response(self) -> Result<CallToolResponse, ErrorData> {
        let error = match self {
            Self::Unauthenticated => return Err(ErrorData::invalid_request("the request is not authenticated", None)),
            Self::Invalid { field, message } => {
                let data = json!({ "category": "invalid", "field": field });
                return Err(ErrorData::invalid_params(message, Some(data)));
            }
            Self::Tool { category, message } => json!({ "category": category, "message": message }),
            Self::RateLimited { seconds } => json!({
                "category": "rate_limited", "message": "too many calls of this kind", "retry_after_seconds": seconds
            }),
        };
        // The failure is text, because structured content must conform to the tool's output schema, and clients check this for errors
        // too.
        let text = json!({ "error": error }).to_string();
        Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // The database's message is only for the operator's log.
        tracing::warn!(%error, "a store call has failed");
        Self::tool("unavailable", "the store is unavailable; try again")
    }
}

impl From<DeliveryError> for Failure {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::NotFound | DeliveryError::JobNotFound => Self::not_found(),
            DeliveryError::Store(error) => error.into(),
            DeliveryError::ReadOnly => Self::tool("forbidden", error),
            DeliveryError::JobChanged => Self::tool("conflict", error),
            DeliveryError::TooManyJobs { .. } => Self::tool("too_many", error),
            error => Self::tool("wrong_state", error),
        }
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Store(error) => error.into(),
            EndpointError::ReadOnly => Self::tool("forbidden", error),
            EndpointError::Target(_) => Self::tool("target_refused", error),
            EndpointError::TooMany { .. } => Self::tool("too_many", error),
            EndpointError::Unproven => Self::tool("unproven", error),
            EndpointError::DisabledByOperator => Self::tool("disabled_by_operator", error),
            EndpointError::TooManyWaiting | EndpointError::ReplayRunning | EndpointError::TooManyJobs { .. } => {
                Self::tool("too_many", error)
            }
            EndpointError::Conflict => Self::tool("conflict", error),
            error => Self::tool("refused", error),
        }
    }
}
