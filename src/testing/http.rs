//! Single exchanges with the HTTP client, to test a resolver, a dialer, a TLS configuration or an egress policy without a sender.

use std::convert::Infallible;

use bytes::Bytes;
use http::Request;

use crate::id::Tenant;
use crate::outcome::Report;
use crate::sender::http::HttpClient;

/// Makes one exchange, as a sender does for one attempt. `make` is called once more if the exchange is repeated on a new
/// connection. A `tenant` gets connections of its own.
///
/// ```
/// use std::sync::Arc;
///
/// use bytes::Bytes;
/// use hookwire::clock::SystemClock;
/// use hookwire::outcome::Outcome;
/// use hookwire::sender::http::{HttpClient, HttpOptions};
/// use hookwire::testing::http::exchange;
/// use http::Request;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hookwire::sender::SenderConfigError> {
/// let client = HttpClient::new(HttpOptions::default(), Arc::new(SystemClock))?;
/// let request = || Request::post("https://10.0.0.5/hooks").body(Bytes::from_static(b"{}")).unwrap();
/// assert_eq!(exchange(&client, None, request).await.outcome, Outcome::Blocked);
/// # Ok(())
/// # }
/// ```
pub async fn exchange(
    client: &HttpClient,
    tenant: Option<&Tenant>,
    mut make: impl FnMut() -> Request<Bytes>,
) -> Report {
    let Ok((report, _)) = client.exchange(tenant, || Ok::<_, Infallible>(make())).await;
    report
}

/// Returns the number of open connections of the client: in use, idle, or closing.
///
/// ```
/// use std::sync::Arc;
///
/// use hookwire::clock::SystemClock;
/// use hookwire::sender::http::{HttpClient, HttpOptions};
/// use hookwire::testing::http::open_connections;
///
/// let client = HttpClient::new(HttpOptions::default(), Arc::new(SystemClock))?;
/// assert_eq!(open_connections(&client), 0);
/// # Ok::<(), hookwire::sender::SenderConfigError>(())
/// ```
#[must_use]
pub fn open_connections(client: &HttpClient) -> usize {
    client.open_connections()
}
