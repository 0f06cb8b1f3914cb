//! Forward proxies: connections that are opened on our behalf.

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

/// Most bytes of a proxy's answer.
const MAX_ANSWER_BYTES: usize = 8 * 1024;

/// How the proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Connect,
    Socks5,
}

/// Opens connections through a forward proxy: give it to [`HttpOptions::dialer`](crate::sender::http::HttpOptions::dialer). Nothing
/// is read from the environment.
///
/// Names are resolved and addresses are judged here, as without a proxy, and the proxy is asked for the judged address and no
/// other. What it then connects to is for the proxy to answer for: the guard cannot see behind it.
///
/// ```
/// use hookwire::sender::egress::ProxyDialer;
/// use hookwire::sender::http::HttpOptions;
///
/// let proxy = ProxyDialer::connect("10.1.2.3:3128".parse().unwrap()).with_credentials("hooks", "a password");
/// let options = HttpOptions::default().dialer(proxy);
/// ```
#[derive(Clone)]
pub struct ProxyDialer {
    proxy: SocketAddr,
    protocol: Protocol,
    credentials: Option<(String, Zeroizing<String>)>,
}

/// Not the password.
impl fmt::Debug for ProxyDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyDialer")
            .field("proxy", &self.proxy)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

impl ProxyDialer {
    /// An HTTP proxy, asked by `CONNECT` (RFC 9110 section 9.3.6).
    #[must_use]
    pub const fn connect(proxy: SocketAddr) -> Self {
        Self { proxy, protocol: Protocol::Connect, credentials: None }
    }

    /// A SOCKS 5 proxy (RFC 1928).
    #[must_use]
    pub const fn socks5(proxy: SocketAddr) -> Self {
        Self { proxy, protocol: Protocol::Socks5, credentials: None }
    }

    /// Who we are: Basic authentication (RFC 7617), or that of SOCKS (RFC 1929).
    #[must_use]
    pub fn with_credentials(mut self, user: &str, password: &str) -> Self {
        self.credentials = Some((user.into(), Zeroizing::new(password.into())));
        self
    }

    async fn ask(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        match self.protocol {
            Protocol::Connect => self.ask_http(stream, address).await,
            Protocol::Socks5 => self.ask_socks(stream, address).await,
        }
    }

    async fn ask_http(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        let mut request = Zeroizing::new(format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n"));
        if let Some((user, password)) = &self.credentials {
            let pair = Zeroizing::new(format!("{user}:{}", &**password));
            request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(&*pair)));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // Byte by byte, because what follows the head belongs to somebody else.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= MAX_ANSWER_BYTES {
                return Err(refused("the proxy says too much"));
            }
            answer.push(stream.read_u8().await?);
        }
        let is_success = answer.starts_with(b"HTTP/1.1 2") || answer.starts_with(b"HTTP/1.0 2");
        if is_success { Ok(()) } else { Err(refused("the proxy refused")) }
    }

    async fn ask_socks(&self, stream: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
        let method = if self.credentials.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return Err(refused("the proxy wants another authentication"));
        }
        if let Some((user, password)) = &self.credentials {
            log_in(stream, user, password).await?;
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
        // What the proxy is bound to: it is read, and of no use.
        let bound = match head {
            [5, 0, _, 1] => 4 + 2,
            [5, 0, _, 4] => 16 + 2,
            [5, 0, _, 3] => usize::from(stream.read_u8().await?) + 2,
            _ => return Err(refused("the proxy refused")),
        };
        stream.read_exact(&mut vec![0; bound]).await.map(drop)
    }
}

async fn log_in(stream: &mut TcpStream, user: &str, password: &str) -> io::Result<()> {
    let length = |text: &str| u8::try_from(text.len()).map_err(|_| refused("credentials are too long"));
    let mut request = Zeroizing::new(vec![1, length(user)?]);
    request.extend(user.bytes());
    request.push(length(password)?);
    request.extend(password.bytes());
    stream.write_all(&request).await?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).await?;
    if answer == [1, 0] { Ok(()) } else { Err(refused("the proxy does not know us")) }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, why)
}

#[async_trait]
impl Dial for ProxyDialer {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let mut dialed = SystemDialer.dial(self.proxy).await?;
        self.ask(&mut dialed.stream, address).await?;
        // The far end is where the proxy was asked to go; what it did is its own business.
        Ok(Dialed { stream: dialed.stream, peer: address.ip(), local: None })
    }
}
