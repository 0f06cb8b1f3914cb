//! The listener and its connections.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::script::Behaviour;

/// The number of bytes of one request that are read; a longer request ends the connection.
pub const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// The number of requests that are kept.
pub const MAX_REQUESTS: usize = 10_000;

/// A server on loopback that follows a script. Dropping it closes its connections.
#[derive(Debug)]
pub struct ScriptedEndpoint {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    script: VecDeque<Behaviour>,
    requests: Vec<Bytes>,
    connections: usize,
}

impl ScriptedEndpoint {
    /// Listens on a free port of `127.0.0.1`. With an empty script it never responds.
    ///
    /// # Errors
    /// Returns an error if no port is free.
    pub async fn start(script: impl IntoIterator<Item = Behaviour>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Shared { script: script.into_iter().collect(), requests: Vec::new(), connections: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let task = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// The address on which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests that were read, head and body, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Bytes> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    /// The number of accepted connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).connections
    }
}

impl Drop for ScriptedEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    // The connections are aborted with this task, so that none outlives the endpoint.
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
        open.spawn(serve(stream, shared.clone()));
        while open.try_join_next().is_some() {}
    }
}

/// Serves until the script, the client or the limits end the connection.
async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) -> io::Result<()> {
    while let Some(request) = read_request(&mut stream).await? {
        let behaviour = shared.lock().unwrap_or_else(PoisonError::into_inner).next(request);
        match behaviour {
            Behaviour::Answer(bytes) => stream.write_all(&bytes).await?,
            Behaviour::AnswerThenClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Behaviour::AnswerThenReset(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.set_zero_linger();
            }
            Behaviour::Trickle(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(pause).await;
                    stream.write_all(&[byte]).await?;
                }
            }
            Behaviour::Endless(head, rest) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&rest).await?;
                }
            }
            Behaviour::Hang => std::future::pending().await,
        }
    }
    Ok(())
}

impl Shared {
    fn next(&mut self, request: Bytes) -> Behaviour {
        if self.requests.len() < MAX_REQUESTS {
            self.requests.push(request);
        }
        let last = self.script.front().cloned().unwrap_or(Behaviour::Hang);
        if self.script.len() > 1 { self.script.pop_front().unwrap_or(last) } else { last }
    }
}

/// Reads one request; `None` if the client has closed the connection or sends too much.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Bytes>> {
    let mut read = BytesMut::new();
    while read.len() <= MAX_REQUEST_BYTES {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
        if length(&read).is_some_and(|length| read.len() >= length) {
            return Ok(Some(read.freeze()));
        }
    }
    Ok(None)
}

/// The length of a request, as soon as its head is complete.
fn length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(read.get(..head)?).to_ascii_lowercase();
    let body = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    Some(head.saturating_add(body))
}
