//! Requests signed as a provider signs them.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};

use crate::clock::Timestamp;
use crate::secret::Keyring;
use crate::signature::{Outgoing, SignError, SignRequest};

/// Makes the POST request that the provider of this scheme would send to `uri`, for tests of handlers behind a receiver. Schemes whose
/// signature is a MAC or Ed25519 in a header can sign. The id and the type of the event are in `body`, for most schemes.
///
/// ```
/// use hookwire::clock::Timestamp;
/// use hookwire::secret::Keyring;
/// use hookwire::provider::STRIPE;
/// use hookwire::testing::signed_request;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Keyring::new(STRIPE.key("whsec_test_secret_of_some_length")?);
/// let body = r#"{"id":"evt_1","type":"charge.succeeded"}"#;
/// let now = Timestamp::from_secs(1_700_000_000);
/// let request = signed_request(&STRIPE, &keys, "/hooks/stripe", body, now)?;
/// assert!(request.headers()["stripe-signature"].to_str()?.starts_with("t=1700000000,v1="));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Returns a [`SignError`] if the scheme cannot sign, or not with these keys.
pub fn signed_request(
    scheme: &dyn SignRequest,
    keys: &Keyring,
    uri: &'static str,
    body: impl Into<Bytes>,
    now: Timestamp,
) -> Result<Request<Bytes>, SignError> {
    let (uri, body, mut headers) = (Uri::from_static(uri), body.into(), HeaderMap::new());
    let (id, method) = (format!("msg_{}", now.as_micros()), Method::POST);
    let outgoing = Outgoing { method: &method, uri: &uri, id: &id, timestamp: now, body: &body };
    scheme.sign_request(&outgoing, keys, &mut headers)?;
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    Ok(request)
}
