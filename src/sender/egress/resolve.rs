//! From names to addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

/// Turns a name into addresses. Every address it answers is judged afterwards; a resolver cannot weaken the guard.
///
/// The client asks once for all who wait for one name, gives no tenant more than a share of [`at_once`](Self::at_once), and
/// waits three seconds at most. It drops a look-up that takes longer than a minute.
#[async_trait]
pub trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All addresses of `host`, in the order in which they should be tried.
    ///
    /// # Errors
    /// When there are none, or they cannot be learnt.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The same, and how long it may be kept. Without an implementation: not at all.
    async fn look_up(&self, host: &str) -> LookUp {
        LookUp { answer: self.resolve(host).await, keep: Duration::ZERO }
    }

    /// How many names it can look up at the same time. Without an implementation: 256, for a resolver that waits without a
    /// thread.
    fn at_once(&self) -> usize {
        256
    }
}

/// What a [`Resolve`] has learnt of a name.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by implementors of Resolve")]
pub struct LookUp {
    /// The addresses, or why there are none.
    pub answer: io::Result<Vec<IpAddr>>,
    /// How long that may be kept: the time to live of an answer, and less for a failure.
    pub keep: Duration,
}
