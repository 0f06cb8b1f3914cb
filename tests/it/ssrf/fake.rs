//! A fake network: every name and every public address leads to one server on loopback.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hookwire::sender::egress::{Dial, Dialed, Resolve};

/// Returns the lists of addresses one after another, and repeats the last one.
#[derive(Clone, Debug)]
pub struct FakeResolver {
    answers: Arc<[Vec<IpAddr>]>,
    lookups: Arc<Mutex<Vec<String>>>,
}

impl FakeResolver {
    pub fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Self {
        Self { answers: answers.into_iter().collect(), lookups: Arc::default() }
    }

    pub fn lookups(&self) -> Vec<String> {
        self.lookups.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolve for FakeResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut lookups = self.lookups.lock().unwrap();
        let answer = self.answers.get(lookups.len()).or(self.answers.last()).cloned();
        lookups.push(host.to_owned());
        Ok(answer.unwrap_or_default())
    }
}

/// Always connects to the server on loopback. Reports the requested address, or a fixed one, as the peer.
#[derive(Clone, Debug)]
pub struct FakeDialer {
    server: SocketAddr,
    peer: Option<IpAddr>,
    dials: Arc<Mutex<Vec<SocketAddr>>>,
}

impl FakeDialer {
    pub fn to(server: SocketAddr) -> Self {
        Self { server, peer: None, dials: Arc::default() }
    }

    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    pub fn dials(&self) -> Vec<IpAddr> {
        self.dials.lock().unwrap().iter().map(SocketAddr::ip).collect()
    }
}

#[async_trait]
impl Dial for FakeDialer {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        self.dials.lock().unwrap().push(address);
        let stream = tokio::net::TcpStream::connect(self.server).await?;
        Ok(Dialed::proxied(stream, self.peer.unwrap_or(address.ip())))
    }
}
