//! An endpoint whose behaviour a test scripts, byte by byte.
//!
//! It sends the bytes that the test defines, also bytes that are not HTTP. It listens on loopback and follows a script: one [`Behaviour`]
//! for each request that it reads; the last one repeats.
//!
//! ```
//! use hookwire::testing::endpoint::{Behaviour, ScriptedEndpoint};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let busy = Behaviour::answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
//! let endpoint = ScriptedEndpoint::start([busy, Behaviour::Hang]).await?;
//! assert!(endpoint.url("/in").starts_with("http://127.0.0.1:"));
//! assert!(endpoint.requests().is_empty());
//! # Ok::<(), std::io::Error>(())
//! # })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Caveats
//!
//! It reads HTTP/1.1 requests with a `content-length`, which is what the sender writes over plain `http`. At most
//! [`MAX_REQUEST_BYTES`] of a request and [`MAX_REQUESTS`] requests are kept.

mod connection;
mod script;

pub use self::connection::{MAX_REQUEST_BYTES, MAX_REQUESTS, ScriptedEndpoint};
pub use self::script::Behaviour;
