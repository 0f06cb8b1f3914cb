//! What went wrong, as problem details (RFC 9457) with stable codes.

use std::fmt;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::sender::{DispatchError, EndpointError};
use crate::store::StoreError;

/// How long a client is asked to wait while the store is in trouble, in seconds.
const RETRY_SECONDS: u16 = 5;

/// What kind of problem it is. The names are part of the API: they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub(super) enum Code {
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Malformed,
    Invalid,
    PayloadTooLarge,
    UnsupportedMediaType,
    Conflict,
    PreconditionFailed,
    IdempotencyConflict,
    TooManyEndpoints,
    TooManyReplays,
    CrossSite,
    Unproven,
    WrongState,
    Unavailable,
    Internal,
}

impl Code {
    /// Its status and title.
    pub(super) const fn meaning(self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Nobody is signed in"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "A value is invalid"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
            Self::Conflict => (StatusCode::CONFLICT, "Changed by somebody else"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "Changed since it was read"),
            Self::IdempotencyConflict => {
                (StatusCode::UNPROCESSABLE_ENTITY, "The key or id was used for something else")
            }
            Self::TooManyEndpoints => (StatusCode::CONFLICT, "Too many endpoints"),
            Self::TooManyReplays => (StatusCode::TOO_MANY_REQUESTS, "Too much is waiting"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "It may come from another site"),
            Self::Unproven => (StatusCode::CONFLICT, "The owner has not agreed"),
            Self::WrongState => (StatusCode::CONFLICT, "Not in this state"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        }
    }
}

/// A problem on its way to the client.
#[derive(Debug)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    field: Option<String>,
}

/// Problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    /// `urn:hookwire:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What kind of problem it is; stable.
    code: Code,
    /// What is wrong this time.
    detail: String,
    /// Which member of the body, or which parameter, is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), field: None }
    }

    pub(super) fn of_field(code: Code, field: &str, detail: impl fmt::Display) -> Self {
        Self { field: Some(field.into()), ..Self::new(code, detail) }
    }

    pub(super) fn invalid(field: &str, detail: impl fmt::Display) -> Self {
        Self::of_field(Code::Invalid, field, detail)
    }

    /// The same for what is not there and for what is somebody else's.
    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing here")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = self.code.meaning();
        let kind = serde_json::to_value(self.code).unwrap_or_default();
        let document = ProblemDocument {
            kind: format!("urn:hookwire:problem:{}", kind.as_str().unwrap_or_default()),
            title,
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
            field: self.field,
        };
        let mut response = (status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code == Code::Unavailable {
            headers.insert(RETRY_AFTER, RETRY_SECONDS.into());
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // What the database says is for the operator's log.
        tracing::warn!(%error, "the store is in trouble");
        if error.is_retryable() {
            Self::new(Code::Unavailable, "the store is in trouble; try again")
        } else {
            Self::new(Code::Internal, "the store is in trouble")
        }
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Store(error) => error.into(),
            EndpointError::Conflict => Self::new(Code::Conflict, error),
            EndpointError::TooMany { .. } => Self::new(Code::TooManyEndpoints, error),
            EndpointError::Unproven => Self::new(Code::Unproven, error),
            EndpointError::TooManyWaiting | EndpointError::ReplayRunning => Self::new(Code::TooManyReplays, error),
            EndpointError::DisabledByOperator => Self::new(Code::Forbidden, error),
            EndpointError::AboveCeiling { field, .. } => {
                Self::of_field(Code::Forbidden, &format!("limits.{field}"), error)
            }
            EndpointError::Target(_) | EndpointError::FixedTarget => Self::invalid("url", error),
            EndpointError::Tenant(_) => Self::invalid("tenant", error),
            EndpointError::UnknownPolicy => Self::invalid("retry", error),
            EndpointError::UnknownScheme | EndpointError::TooManySchemes => Self::invalid("schemes", error),
            EndpointError::Key(_) => Self::new(Code::WrongState, error),
            EndpointError::Entropy(_) => Self::new(Code::Internal, "no key could be made"),
        }
    }
}

impl From<DispatchError> for Problem {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Store(error) => error.into(),
            DispatchError::IdConflict(_) => Self::of_field(Code::IdempotencyConflict, "id", error),
            DispatchError::PayloadTooLong { .. } => Self::of_field(Code::PayloadTooLarge, "data", error),
            DispatchError::Unfit(unfit) => Self::invalid(&format!("data{}", unfit.place().replace('/', ".")), unfit),
            DispatchError::OccurredAt => Self::invalid("occurred_at", error),
            DispatchError::Received => Self::invalid("audience", error),
            DispatchError::Tenant(_) => Self::invalid("tenant", error),
        }
    }
}
