//! A network that exists on paper: names and public addresses, all of which lead to one loopback server.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hookwire::sender::egress::{Dial, Dialed, Resolve};

/// Answers one set of addresses after the other; the last one stays.
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

/// Connects to the loopback server whatever is asked for, and says that the peer is what was asked for, or another.
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
        Ok(Dialed { stream, peer: self.peer.unwrap_or(address.ip()), local: None })
    }
}
