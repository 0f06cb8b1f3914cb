//! The HTTP client: one exchange, bounded in every direction, and what became of it.
//!
//! 1. One budget covers connecting, sending, and reading the answer, body included; connecting has a smaller one of its own.
//! 2. At most 16 KiB of an answer's body are read; a longer one costs the connection, not the memory.
//! 3. The status decides. A 2xx head is a success whatever becomes of the body behind it.
//! 4. Nothing is followed, decompressed, or taken from the environment.
//! 5. Nothing is sent twice, with two exceptions, in which the request is made once more, with a fresh time and signature,
//!    on a fresh connection, within the same attempt and budget. When a connection **that had served before** breaks before
//!    any byte of an answer has come, the server has most likely closed it while it was idle. And an HTTP/2 server may say
//!    that it did not process the request (RFC 9113 section 8.7), as servers do that limit the requests of a connection.
//! 6. HTTP/2 connections are pinged while they are in use, so that one gone silent is replaced within one exchange.
//!
//! ```
//! use std::time::Duration;
//! use hookwire::sender::http::HttpOptions;
//!
//! let options = HttpOptions::default().exchange_timeout(Duration::from_secs(10));
//! assert_eq!(options.longest_exchange(), Duration::from_secs(10));
//! ```

mod answer;
mod client;
mod fetch;
mod options;
#[cfg(not(feature = "ring"))]
#[path = "tls_none.rs"]
mod tls;
#[cfg(feature = "ring")]
#[path = "tls_ring.rs"]
mod tls;

pub use self::client::HttpClient;
pub use self::options::{HttpError, HttpOptions};
pub use crate::endpoint::{CustomHeaderError, check_custom_header};
