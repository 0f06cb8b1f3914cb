//! The only file that opens a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use tokio::net::TcpStream;

/// Opens TCP connections to addresses that the guard has checked.
///
/// Implement it to bind to a source address, or to send the connections of a test to a local server.
///
/// ```
/// use std::io;
/// use std::net::{IpAddr, SocketAddr};
///
/// use async_trait::async_trait;
/// use hookwire::sender::egress::{Dial, Dialed};
/// use hookwire::sender::http::HttpOptions;
/// use tokio::net::TcpSocket;
///
/// /// Connects from one of this machine's addresses.
/// #[derive(Debug)]
/// struct SourceAddress(IpAddr);
///
/// #[async_trait]
/// impl Dial for SourceAddress {
///     async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
///         let socket = TcpSocket::new_v4()?;
///         socket.bind(SocketAddr::new(self.0, 0))?;
///         Dialed::direct(socket.connect(address).await?)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> io::Result<()> {
/// let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let dialer = SourceAddress([127, 0, 0, 1].into());
/// dialer.dial(server.local_addr()?).await?;
/// let (_stream, from) = server.accept().await?;
/// assert_eq!(from.ip(), IpAddr::from([127, 0, 0, 1]));
///
/// let options = HttpOptions::default().dialer(dialer);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// Connects to `address`, which the guard has checked, and to no other address.
    ///
    /// # Errors
    /// Returns the error of the socket or of the proxy. The attempt then ends as
    /// [`Outcome::Connect`](crate::outcome::Outcome::Connect), or as [`Outcome::Local`](crate::outcome::Outcome::Local) if this
    /// machine has run out of descriptors, ports or memory.
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed>;
}

/// An open connection and the addresses of its two ends, which the guard checks before it sends anything.
#[derive(Debug)]
pub struct Dialed {
    pub(super) stream: TcpStream,
    pub(super) peer: IpAddr,
    pub(super) local: Option<IpAddr>,
}

impl Dialed {
    /// A connection without a proxy. Both addresses are read from the socket.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use hookwire::sender::egress::Dialed;
    /// use tokio::net::{TcpListener, TcpSocket};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpSocket::new_v4()?.connect(server.local_addr()?).await?;
    /// assert!(Dialed::direct(stream).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns the error of the socket if it is not connected any more.
    pub fn direct(stream: TcpStream) -> io::Result<Self> {
        let peer = stream.peer_addr()?.ip();
        let local = stream.local_addr().ok().map(|address| address.ip());
        Ok(Self { stream, peer, local })
    }

    /// A connection through a proxy or a tunnel that was asked to connect to `peer`. The guard cannot check what the proxy did.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// use hookwire::sender::egress::Dialed;
    /// use tokio::net::{TcpListener, TcpSocket};
    ///
    /// let proxy = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpSocket::new_v4()?.connect(proxy.local_addr()?).await?;
    /// let dialed = Dialed::proxied(stream, [93, 184, 216, 34].into());
    /// assert!(format!("{dialed:?}").contains("93.184.216.34"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn proxied(stream: TcpStream, peer: IpAddr) -> Self {
        Self { stream, peer, local: None }
    }
}

/// Connects directly, without a proxy.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::sender) struct SystemDialer;

#[async_trait]
impl Dial for SystemDialer {
    #[expect(clippy::disallowed_methods, reason = "the one place that opens a connection")]
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let stream = TcpStream::connect(address).await?;
        // Each request is written in one piece, so Nagle's algorithm would only delay it.
        stream.set_nodelay(true)?;
        Dialed::direct(stream)
    }
}
