//! What a tool answers when it cannot do what was asked: a category that a model can act on, and never what a stranger said.

use rmcp::ErrorData;
use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock};
use serde_json::json;

use crate::sender::EndpointError;
use crate::store::StoreError;

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request has no principal.
    Unauthenticated,
    /// An argument is wrong.
    Invalid { field: &'static str, message: String },
    /// Something that the model can act on.
    Tool { category: &'static str, message: String },
    /// Too many calls; how many seconds to wait.
    RateLimited { seconds: u64 },
}

impl Failure {
    pub(super) fn invalid(field: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Invalid { field, message: error.to_string() }
    }

    pub(super) fn tool(category: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Tool { category, message: error.to_string() }
    }

    /// The same for what is not there and for what is somebody else's.
    pub(super) fn not_found() -> Self {
        Self::tool("not_found", "there is no such thing here")
    }

    /// As JSON-RPC has it where the call itself is wrong, as a tool's result where the model can do something about it.
    pub(super) fn into_response(self) -> Result<CallToolResponse, ErrorData> {
        let error = match self {
            Self::Unauthenticated => return Err(ErrorData::invalid_request("the request has no principal", None)),
            Self::Invalid { field, message } => {
                let data = json!({ "category": "invalid", "field": field });
                return Err(ErrorData::invalid_params(message, Some(data)));
            }
            Self::Tool { category, message } => json!({ "category": category, "message": message }),
            Self::RateLimited { seconds } => json!({
                "category": "rate_limited", "message": "too many calls of this kind", "retry_after_seconds": seconds
            }),
        };
        // As text: structured content must be as the tool's output schema says, and clients check that of errors too.
        let text = json!({ "error": error }).to_string();
        Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        // What the database says is for the operator's log.
        tracing::warn!(%error, "the store is in trouble");
        Self::tool("unavailable", "the store is in trouble; try again")
    }
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Store(error) => error.into(),
            EndpointError::Target(_) => Self::tool("target_refused", error),
            EndpointError::TooMany { .. } => Self::tool("too_many", error),
            EndpointError::Unproven => Self::tool("unproven", error),
            EndpointError::DisabledByOperator => Self::tool("disabled_by_operator", error),
            EndpointError::TooManyWaiting | EndpointError::ReplayRunning => Self::tool("too_many", error),
            EndpointError::Conflict => Self::tool("conflict", error),
            error => Self::tool("refused", error),
        }
    }
}
