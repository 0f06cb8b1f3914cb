//! The Content-Security-Policy, and which pages may show the console in a frame.

use axum::http::HeaderValue;
use axum::http::uri::Authority;

use crate::field::FieldError;

/// What a page may load, and who may show it in a frame.
#[derive(Clone, Debug)]
pub(super) struct FramePolicy {
    /// The value of the header.
    pub(super) policy: HeaderValue,
    pub(super) is_allowed: bool,
}

/// What a page may load: its own style, script and pictures. The origins that may frame it follow.
macro_rules! policy {
    ($origins:literal) => {
        concat!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; ",
            "form-action 'self'; base-uri 'none'; frame-ancestors ",
            $origins
        )
    };
}

impl Default for FramePolicy {
    fn default() -> Self {
        Self { policy: HeaderValue::from_static(policy!("'none'")), is_allowed: false }
    }
}

impl FramePolicy {
    pub(super) fn of<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, FieldError> {
        let origins = origins.into_iter().map(|origin| checked(origin.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if origins.is_empty() {
            return Ok(Self::default());
        }
        let origins = origins.join(" ");
        let policy = HeaderValue::from_str(&format!("{}{origins}", policy!("")));
        Ok(Self { policy: policy.map_err(|_| not_an_origin(&origins))?, is_allowed: true })
    }
}

fn checked(origin: &str) -> Result<String, FieldError> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_host = |host: &str| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte))
            && host.parse::<Authority>().is_ok()
    };
    match host {
        Some(host) if is_host(host) => Ok(origin.to_ascii_lowercase()),
        _ => Err(not_an_origin(origin)),
    }
}

fn not_an_origin(text: &str) -> FieldError {
    FieldError::new("origin", format!("`{text}` is not an origin; write scheme and host, such as https://app.example"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_accepted() {
        for good in ["https://app.example", "http://127.0.0.1:8080", "https://[::1]:8443"] {
            let policy = FramePolicy::of([good]).unwrap().policy;
            assert!(policy.to_str().unwrap().ends_with(&format!("frame-ancestors {good}")), "{policy:?}");
        }
        for bad in [
            "",
            "*",
            "app.example",
            "https://",
            "https://*.example",
            "https://a.example/",
            "https://a b",
            "https://a;b",
            "'self'",
        ] {
            assert_eq!(FramePolicy::of([bad]).unwrap_err(), not_an_origin(bad));
        }
        assert!(!FramePolicy::of(Vec::<&str>::new()).unwrap().is_allowed);
    }
}
