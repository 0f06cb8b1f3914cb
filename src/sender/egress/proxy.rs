//! Connections through a forward proxy.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::dial::{Dial, Dialed, SystemDialer};

/// Maximum length of a proxy's response.
const MAX_RESPONSE_BYTES: usize = 8 * 1024;

/// The protocol of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Socks5,
}

/// Opens connections through a forward proxy. Set it with [`HttpOptions::dialer`](crate::sender::http::HttpOptions::dialer). Nothing
/// is read from the environment.
///
/// This process resolves the names and checks the addresses, as it does without a proxy. The proxy is asked to connect to the
/// checked address. The guard cannot verify that the proxy does so.
///
/// ```
/// use hookwire::sender::egress::ProxyDialer;
/// use hookwire::sender::http::HttpOptions;
///
/// let proxy = ProxyDialer::http("10.1.2.3:3128".parse()?).credentials("hooks", "a password");
/// assert!(!format!("{proxy:?}").contains("a password"));
/// let options = HttpOptions::default().dialer(proxy);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone)]
pub struct ProxyDialer {
    proxy: SocketAddr,
    protocol: Protocol,
    credentials: Option<(String, Zeroizing<String>)>,
}

/// Leaves out the user name and the password.
impl fmt::Debug for ProxyDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyDialer")
            .field("proxy", &self.proxy)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl ProxyDialer {
    /// An HTTP proxy, used with the `CONNECT` method (RFC 9110 section 9.3.6).
    #[must_use]
    pub const fn http(proxy: SocketAddr) -> Self {
        Self { proxy, protocol: Protocol::Http, credentials: None }
    }

    /// A SOCKS 5 proxy (RFC 1928).
    ///
    /// ```
    /// use hookwire::sender::egress::ProxyDialer;
    ///
    /// let proxy = ProxyDialer::socks5("10.1.2.3:1080".parse()?);
    /// assert!(format!("{proxy:?}").contains("Socks5"));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub const fn socks5(proxy: SocketAddr) -> Self {
        Self { proxy, protocol: Protocol::Socks5, credentials: None }
    }

    /// Authenticates with a user name and a password: Basic authentication for HTTP (RFC 7617), RFC 1929 for SOCKS 5.
    #[must_use]
    pub fn credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.into(), Zeroizing::new(password.into())));
        self
    }

    async fn request_tunnel(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        match self.protocol {
            Protocol::Http => self.request_http_tunnel(stream, address).await,
            Protocol::Socks5 => self.request_socks_tunnel(stream, address).await,
        }
    }

    async fn request_http_tunnel(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        let mut request = Zeroizing::new(format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n"));
        if let Some((user, password)) = &self.credentials {
            let pair = Zeroizing::new(format!("{user}:{}", &**password));
            request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(&*pair)));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut response = Vec::new();
        // Byte by byte, because the bytes after the head belong to the tunnel.
        while !response.ends_with(b"\r\n\r\n") {
            if response.len() >= MAX_RESPONSE_BYTES {
                return Err(refused("the head of the proxy's response is too long"));
            }
            response.push(stream.read_u8().await?);
        }
        let is_success = response.starts_with(b"HTTP/1.1 2") || response.starts_with(b"HTTP/1.0 2");
        if is_success { Ok(()) } else { Err(refused("the proxy refused the connection")) }
    }

    async fn request_socks_tunnel(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        let method = if self.credentials.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return Err(refused("the proxy requires another authentication method"));
        }
        if let Some((user, password)) = &self.credentials {
            authenticate(stream, user, password).await?;
        }
        let mut request = vec![5, 1, 0];
        match address.ip() {
            IpAddr::V4(ip) => request.extend([1].iter().chain(&ip.octets())),
            IpAddr::V6(ip) => request.extend([4].iter().chain(&ip.octets())),
        }
        request.extend(address.port().to_be_bytes());
        stream.write_all(&request).await?;
        let mut head = [0; 4];
        stream.read_exact(&mut head).await?;
        // The proxy's own address follows. It is read because the tunnel begins after it.
        let address_bytes = match head {
            [5, 0, _, 1] => 4 + 2,
            [5, 0, _, 4] => 16 + 2,
            [5, 0, _, 3] => usize::from(stream.read_u8().await?) + 2,
            _ => return Err(refused("the proxy refused the connection")),
        };
        stream.read_exact(&mut vec![0; address_bytes]).await.map(drop)
    }
}

async fn authenticate(stream: &mut TcpStream, user: &str, password: &str) -> io::Result<()> {
    let length = |text: &str| {
        u8::try_from(text.len())
            .map_err(|_| refused("credentials: the user name and the password may each have at most 255 bytes"))
    };
    let mut request = Zeroizing::new(vec![1, length(user)?]);
    request.extend(user.bytes());
    request.push(length(password)?);
    request.extend(password.bytes());
    stream.write_all(&request).await?;
    let mut response = [0; 2];
    stream.read_exact(&mut response).await?;
    if response == [1, 0] { Ok(()) } else { Err(refused("the proxy rejected the credentials")) }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

#[async_trait]
impl Dial for ProxyDialer {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let mut dialed = SystemDialer.dial(self.proxy).await?;
        self.request_tunnel(&mut dialed.stream, address).await?;
        Ok(Dialed::proxied(dialed.stream, address.ip()))
    }
}
