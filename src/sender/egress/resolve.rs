//! From a name to addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

/// Resolves names. Bring your own to use another resolver, a cache, or answers from a test.
///
/// 1. `resolve` MUST return every address of the answer: the guard refuses an answer as a whole, and only what it sees.
/// 2. `resolve` MUST NOT judge; the guard does.
/// 3. A name without addresses MUST be an error or an empty list.
///
/// It is asked once per new connection and cancelled by dropping when the DNS budget (3 s) is spent.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All addresses of a name, in the order to try them.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver, on tokio's blocking threads.
///
/// A name with a dot is asked for as absolute (with a trailing dot), so that the machine's search domains cannot turn
/// `hooks.example.com` into `hooks.example.com.internal.corp`. Entries of the hosts file are therefore found only under
/// names without a dot, which the default policy refuses.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let absolute = host.contains('.') && !host.ends_with('.');
        let name = if absolute { format!("{host}.") } else { host.to_owned() };
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|socket| socket.ip()).collect())
    }
}
