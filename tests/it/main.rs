//! The one integration-test binary.
#![expect(clippy::disallowed_methods, reason = "tests play the outside world: clocks, sockets and all")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::cognitive_complexity, reason = "each assertion counts as a branch")]
#![expect(unreachable_pub, reason = "modules of a test binary share freely")]

mod apart;
mod catalog;
mod connection;
mod console;
mod dashboards;
mod guide;
mod http_client;
mod inbox;
mod layers;
mod manage;
mod mcp;
mod receiver;
mod retry;
mod sender;
mod signature;
mod sim;
mod ssrf;
mod store;
mod support;
mod vectors;
mod worker;
