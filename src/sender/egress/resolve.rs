//! From names to addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Turns a name into addresses. Every address it answers is judged afterwards; a resolver cannot weaken the guard.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All addresses of `host`, in the order in which they should be tried.
    ///
    /// # Errors
    /// When there are none, or they cannot be learnt.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
///
/// A name with a dot in it is asked for as fully qualified, so that a search domain cannot complete it to a name of the
/// local network.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let qualified = host.contains('.') && !host.ends_with('.');
        let name = if qualified { format!("{host}.") } else { host.into() };
        let addresses = tokio::net::lookup_host((name, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}
