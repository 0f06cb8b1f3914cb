//! From an address to a socket: the only file that opens one.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use async_trait::async_trait;
use tokio::net::TcpStream;

/// Opens connections to judged addresses.
///
/// 1. `dial` MUST connect to `address` and to nothing else, or say in [`Dialed::peer`] where it connected instead.
/// 2. `dial` MUST NOT write to the connection.
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Connects.
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed>;
}

/// An open connection and its two ends.
#[derive(Debug)]
pub struct Dialed {
    /// The connection.
    pub stream: TcpStream,
    /// The far end, which the guard compares with the address it judged.
    pub peer: SocketAddr,
    /// The near end, when it is known: equal to the far end, the machine has called itself.
    pub local: Option<SocketAddr>,
}

/// Plain TCP with Nagle's algorithm off.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDial;

#[async_trait]
impl Dial for TcpDial {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens sockets")]
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (peer, local) = (stream.peer_addr()?, stream.local_addr().ok());
        Ok(Dialed { stream, peer, local })
    }
}
