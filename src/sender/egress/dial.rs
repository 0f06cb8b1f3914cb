//! The only file that opens a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::net::TcpStream;

/// Opens connections to judged addresses. Implement it to bind to a source address, or to send a test's connections to
/// a server of its own.
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Connects to `address`, which the guard has judged, and to no other.
    ///
    /// # Errors
    /// When there is no connection.
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed>;
}

/// A connection, and who is at its ends.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: TcpStream,
    /// The address at the far end.
    pub peer: IpAddr,
    /// The address at this end.
    pub local: Option<IpAddr>,
}

/// Connects directly.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDialer;

#[async_trait]
impl Dial for SystemDialer {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens a connection")]
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let stream = TcpStream::connect(address).await?;
        // Requests are written whole; waiting to fill a packet would only delay them.
        stream.set_nodelay(true)?;
        let peer = stream.peer_addr()?.ip();
        let local = stream.local_addr().ok().map(|address| address.ip());
        Ok(Dialed { stream, peer, local })
    }
}
