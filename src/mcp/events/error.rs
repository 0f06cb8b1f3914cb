//! The draft's errors.

use rmcp::ErrorData;
use rmcp::model::ErrorCode;
use serde_json::{Value, json};

use crate::sender::EndpointError;
use crate::store::StoreError;

/// The numbers of the draft's errors. MCP reserves the range in which they lie for itself: they may change, and can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "set by the application")]
pub struct ErrorCodes {
    /// No such event or subscription: -32011.
    pub not_found: i32,
    /// The caller may not: -32012.
    pub forbidden: i32,
    /// Too many subscriptions: -32013.
    pub resource_exhausted: i32,
    /// A feature that this server does not have: -32014.
    pub unsupported: i32,
    /// The callback does not answer as it must: -32015.
    pub callback: i32,
}

impl Default for ErrorCodes {
    fn default() -> Self {
        Self { not_found: -32011, forbidden: -32012, resource_exhausted: -32013, unsupported: -32014, callback: -32015 }
    }
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Refused {
    /// A parameter is wrong.
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

    pub(super) fn into_error(self, codes: &ErrorCodes) -> ErrorData {
        let error =
            |code: i32, message: &'static str, data: Value| ErrorData::new(ErrorCode(code), message, Some(data));
        match self {
            Self::Params(message) => ErrorData::invalid_params(message, None),
            Self::Unauthenticated => ErrorData::invalid_request("the request has no principal", None),
            Self::Forbidden => error(codes.forbidden, "Forbidden", Value::Null),
            Self::NotFound(kind) => error(codes.not_found, "NotFound", json!({ "kind": kind })),
            Self::Exhausted { limit, max } => {
                error(codes.resource_exhausted, "ResourceExhausted", json!({ "limit": limit, "max": max }))
            }
            Self::Unsupported { feature, value } => {
                error(codes.unsupported, "Unsupported", json!({ "feature": feature, "value": value }))
            }
            Self::Callback { reason } => error(codes.callback, "CallbackEndpointError", json!({ "reason": reason })),
            Self::Unavailable => ErrorData::internal_error("the store is in trouble; try again", None),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the store is in trouble");
        Self::Unavailable
    }
}

impl From<EndpointError> for Refused {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Store(error) => error.into(),
            EndpointError::NotFound => Self::NotFound("subscription"),
            EndpointError::TooMany { limit } => Self::Exhausted { limit: "subscriptions", max: limit },
            EndpointError::DisabledByOperator => Self::Forbidden,
            EndpointError::Unproven => Self::Callback { reason: "challenge_failed" },
            error => Self::params(error),
        }
    }
}
