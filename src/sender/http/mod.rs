//! The HTTP client: one exchange, bounded in every direction, and what became of it.
//!
//! 1. One budget covers connecting, sending, and reading the answer, body included; connecting has a smaller one of its own.
//! 2. At most 16 KiB of an answer's body are read; a longer one costs the connection, not the memory.
//! 3. The status decides. A 2xx head is a success whatever becomes of the body behind it, but only if the whole request has
//!    gone out: nobody can have checked the signature of a request that he has not read. One that is not out a quarter of the
//!    exchange's budget after such a head is [`Protocol`](crate::outcome::Outcome::Protocol), and the delivery is retried. Other statuses count at once. (Bytes that the
//!    kernel has taken count as gone out: of a small request no more can be known.)
//! 4. Nothing is followed, decompressed, or taken from the environment.
//! 5. Nothing is sent twice, with two exceptions, in which the request is made once more, with a fresh time and signature,
//!    on a fresh connection, within the same attempt and budget. When a connection **that had served before** breaks before
//!    any byte of an answer has come, the server has most likely closed it while it was idle. And an HTTP/2 server may say
//!    that it did not process the request (RFC 9113 section 8.7), as servers do that limit the requests of a connection.
//! 6. HTTP/2 connections are pinged while they are in use, so that one gone silent is replaced within one exchange.
//! 7. A connection is bounded beyond its exchanges. It is closed when a write makes no progress for half of the exchange's
//!    budget; when more comes in than one answer may hold (192 KiB beside the body, whatever it is: interim answers, pings,
//!    settings, trailers), or more than 32 interim answers; when an exchange on it ends before request and answer do; when
//!    it is idle for [`idle_timeout`](HttpOptions::idle_timeout); and when it is older than
//!    [`connection_lifetime`](HttpOptions::connection_lifetime). What was not sent of a request is dropped with its exchange.
//! 8. Tenants do not share connections, and an HTTP/2 connection that is full is joined by another.
//!    At most 256 idle connections are kept for a tenant, and 512 altogether.
//!
//! ```
//! use std::time::Duration;
//! use hookwire::sender::http::HttpOptions;
//!
//! let options = HttpOptions::default().exchange_timeout(Duration::from_secs(10));
//! assert_eq!(options.longest_exchange(), Duration::from_secs(10));
//! ```

mod answer;
mod body;
mod client;
mod error;
mod fetch;
mod http1;
mod http2;
mod link;
mod options;
mod pool;
mod settle;
#[cfg(not(feature = "ring"))]
#[path = "tls_none.rs"]
mod tls;
#[cfg(feature = "ring")]
#[path = "tls_ring.rs"]
mod tls;

pub use self::client::HttpClient;
pub use self::options::{HttpError, HttpOptions};
pub use crate::endpoint::{CustomHeaderError, check_custom_header};
