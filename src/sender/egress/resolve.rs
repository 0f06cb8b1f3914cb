//! Name resolution: the trait and its result.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// Turns a host name into addresses. The guard checks every address afterwards, so a resolver cannot weaken it.
///
/// The client makes one lookup for all requests that wait for the same name, and waits at most 3 s for it. It gives each tenant
/// only a share of [`max_concurrent`](Self::max_concurrent) lookups. It cancels a lookup after 60 s.
///
/// ```
/// use std::io;
/// use std::net::IpAddr;
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use hookwire::sender::egress::Resolve;
/// use hookwire::sender::http::HttpOptions;
///
/// /// Knows one name.
/// #[derive(Debug)]
/// struct OneName;
///
/// #[async_trait]
/// impl Resolve for OneName {
///     async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
///         match host {
///             "hooks.example.com" => Ok(vec![[93, 184, 216, 34].into()]),
///             _ => Err(io::ErrorKind::NotFound.into()),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (found, ttl) = OneName.lookup("hooks.example.com").await;
/// assert_eq!((found.unwrap().len(), ttl), (1, Duration::ZERO));
/// assert!(OneName.resolve("other.example.com").await.is_err());
///
/// let options = HttpOptions::default().resolver(OneName);
/// # }
/// ```
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// Returns all addresses of `host`, in the order in which they are to be dialled.
    ///
    /// # Errors
    /// Returns an error if the name has no address or the lookup failed. The attempt then ends as
    /// [`Outcome::Dns`](crate::outcome::Outcome::Dns).
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// Returns the addresses of `host`, or why the lookup failed, and how long the client may cache this result; zero disables caching. An
    /// empty list means that the name has no address. The default calls [`resolve`](Self::resolve) and allows no caching.
    async fn lookup(&self, host: &str) -> (io::Result<Vec<IpAddr>>, Duration) {
        (self.resolve(host).await, Duration::ZERO)
    }

    /// Maximum number of concurrent lookups. The default is 256, which suits a resolver that needs no thread for each lookup.
    fn max_concurrent(&self) -> usize {
        256
    }
}
