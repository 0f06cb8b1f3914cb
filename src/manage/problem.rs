//! Errors as problem details (RFC 9457) with stable codes.

use std::fmt;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::secret::KeyError;
use crate::sender::{DeliveryError, DispatchError, EndpointError};
use crate::store::StoreError;

/// `Retry-After` if the store fails, in seconds.
const RETRY_SECONDS: u16 = 5;

/// The kind of a problem. The names are part of the API: they do not change.
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
    TooManyJobs,
    CrossSite,
    Unproven,
    WrongState,
    Unavailable,
    Internal,
}

impl Code {
    /// The status and the title of a code.
    pub(super) const fn meaning(self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Not authenticated"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "Malformed request"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "A value is invalid"),
            Self::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"),
            Self::Conflict => (StatusCode::CONFLICT, "Changed by another request"),
            Self::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "Changed since it was read"),
            Self::IdempotencyConflict => (StatusCode::UNPROCESSABLE_ENTITY, "The key or id was used for another event"),
            Self::TooManyEndpoints => (StatusCode::CONFLICT, "Too many endpoints"),
            Self::TooManyReplays => (StatusCode::TOO_MANY_REQUESTS, "Too many events are waiting"),
            Self::TooManyJobs => (StatusCode::CONFLICT, "Too many jobs are not finished"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "The request may come from another site"),
            Self::Unproven => (StatusCode::CONFLICT, "The owner of the URL has not agreed"),
            Self::WrongState => (StatusCode::CONFLICT, "The state does not allow this"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        }
    }
}

/// A problem, before it is sent to the client.
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
    /// The meaning of the code.
    title: &'static str,
    /// The HTTP status of the response.
    status: u16,
    /// The kind of the problem; stable.
    code: Code,
    /// The reason in this case.
    detail: String,
    /// The invalid member of the body, or the invalid parameter.
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

    /// The problem of a value inside an object: the name of the field begins with the name of the object.
    pub(super) fn within(self, object: &str) -> Self {
        Self { field: self.field.map(|field| format!("{object}.{field}")), ..self }
    }

    /// The problem for an object that does not exist or is out of scope.
    pub(super) fn not_found() -> Self {
        Self::new(Code::NotFound, "the object or route does not exist")
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
        // The database's message is only for the operator's log.
        tracing::warn!(%error, "a store call has failed");
        if error.is_retryable() {
            Self::new(Code::Unavailable, "the store is unavailable; try again")
        } else {
            Self::new(Code::Internal, "the store has failed")
        }
    }
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Store(error) => error.into(),
            EndpointError::Conflict => Self::new(Code::Conflict, error),
            EndpointError::Moved => Self::new(Code::WrongState, error),
            EndpointError::TooMany { .. } => Self::new(Code::TooManyEndpoints, error),
            EndpointError::Unproven => Self::new(Code::Unproven, error),
            EndpointError::TooManyWaiting | EndpointError::ReplayRunning => Self::new(Code::TooManyReplays, error),
            EndpointError::TooManyJobs { .. } => Self::new(Code::TooManyJobs, error),
            EndpointError::DisabledByOperator | EndpointError::ReadOnly => Self::new(Code::Forbidden, error),
            EndpointError::AboveCeiling { field, .. } => {
                Self::of_field(Code::Forbidden, &format!("limits.{field}"), error)
            }
            EndpointError::Target(_) | EndpointError::FixedTarget => Self::invalid("url", error),
            EndpointError::Tenant(_) => Self::invalid("tenant", error),
            EndpointError::UnknownPolicy => Self::invalid("retry", error),
            EndpointError::UnknownScheme | EndpointError::TooManySchemes => Self::invalid("schemes", error),
            EndpointError::Key(KeyError::NoEntropy) => Self::new(Code::Internal, "no key could be generated"),
            EndpointError::Key(_) => Self::new(Code::WrongState, error),
        }
    }
}

impl From<DeliveryError> for Problem {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::NotFound | DeliveryError::JobNotFound => Self::not_found(),
            DeliveryError::WrongState | DeliveryError::JobFinished => Self::new(Code::WrongState, error),
            DeliveryError::JobChanged => Self::new(Code::Conflict, error),
            DeliveryError::TooManyJobs { .. } => Self::new(Code::TooManyJobs, error),
            DeliveryError::ReadOnly => Self::new(Code::Forbidden, error),
            DeliveryError::Store(error) => error.into(),
        }
    }
}

impl From<DispatchError> for Problem {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Store(error) => error.into(),
            DispatchError::Shards(error) => Self::new(Code::Unavailable, error),
            DispatchError::IdConflict(_) => Self::of_field(Code::IdempotencyConflict, "id", error),
            DispatchError::PayloadTooLong { .. } => Self::of_field(Code::PayloadTooLarge, "data", error),
            DispatchError::SchemaViolation(violation) => Self::invalid(&violation.field.replace('/', "."), violation),
            DispatchError::OccurredAt => Self::invalid("occurred_at", error),
            DispatchError::Received => Self::invalid("audience", error),
            DispatchError::ReadOnly => Self::new(Code::Forbidden, error),
            DispatchError::Tenant(_) => Self::invalid("tenant", error),
        }
    }
}
