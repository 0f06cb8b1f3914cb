//! The HTTP client: one exchange with limits on time, size and reuse.
//!
//! 1. One time budget covers connecting, sending, and reading the whole response. Connecting has a smaller budget inside it.
//! 2. At most 16 KiB of a response body are read. If the body is longer, the connection is closed.
//! 3. The response status decides the outcome. A 2xx status counts even if the response body fails, but only once the whole
//!    request has been sent: before that, the server cannot have checked its signature. If the request is not sent within a quarter
//!    of the budget after a 2xx status, the outcome is [`Protocol`](crate::outcome::Outcome::Protocol) and the delivery is retried.
//!    Other statuses count at once. A request counts as sent when the kernel has accepted all its bytes.
//! 4. Redirects are not followed, bodies are not decompressed, and nothing is read from the environment.
//! 5. A request is sent once, with two exceptions. In both, it is made again within the same attempt and budget, with a new
//!    timestamp and signature, on a new connection:
//!    - A **reused** connection breaks before the first byte of a response. The server has most likely closed it while it was idle.
//!    - An HTTP/2 server reports that it did not process the request (RFC 9113 section 8.7), for example because it limits the
//!      number of requests for each connection.
//! 6. HTTP/2 connections are pinged while an exchange is in progress, so that a dead connection is found within one exchange.
//! 7. A connection is closed if
//!    - a write makes no progress for half of the exchange's budget;
//!    - the server sends more than a response may contain: 192 KiB besides the body (interim responses, pings, settings, trailers),
//!      or more than 32 interim responses;
//!    - an exchange on it ends before the request and the response are complete; the rest of the request is dropped;
//!    - it is idle for [`idle_timeout`](HttpOptions::idle_timeout);
//!    - it is older than [`connection_lifetime`](HttpOptions::connection_lifetime).
//! 8. Tenants do not share connections. If an HTTP/2 connection has no free stream, another connection is opened. At most 256 idle
//!    connections are kept for each tenant, and 512 in total.
//!
//! ```
//! use std::time::Duration;
//!
//! use hookwire::sender::Sender;
//! use hookwire::sender::http::HttpOptions;
//! use hookwire::store::MemoryStore;
//!
//! let options = HttpOptions::default().exchange_timeout(Duration::from_secs(10)).connect_timeout(Duration::from_secs(3));
//! assert!(Sender::builder(MemoryStore::new()).http(options).build().is_ok());
//! ```

mod body;
mod client;
mod connection;
mod error;
mod fetch;
mod finish;
mod http1;
mod http2;
mod lease;
mod options;
mod pool;
mod registry;
mod response;
#[cfg(not(feature = "ring"))]
#[path = "tls_none.rs"]
mod tls;
#[cfg(feature = "ring")]
#[path = "tls_ring.rs"]
mod tls;

pub use self::client::HttpClient;
pub(super) use self::client::MAX_BODY_BYTES;
pub use self::options::HttpOptions;
pub(super) use self::options::Measured;
pub(crate) use self::response::Exchanged;
