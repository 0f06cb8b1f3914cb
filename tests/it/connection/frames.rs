//! A minimal HTTP/2 server at frame level (RFC 9113 section 4.1) that can violate the protocol.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_HEADERS: u8 = 4;
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
pub const INITIAL_WINDOW_SIZE: u16 = 4;

pub const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
/// `:status: 200` in HPACK (RFC 7541 appendix A, entry 8).
const STATUS_200: [u8; 1] = [0x88];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[length[1], length[2], length[3], kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// The server side of one connection.
pub struct Peer<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub async fn greet(stream: S) -> Self {
        Self::greet_with(stream, &[]).await
    }

    pub async fn greet_with(mut stream: S, settings: &[(u16, u32)]) -> Self {
        stream.read_exact(&mut [0; PREFACE]).await.unwrap();
        let mut peer = Self(stream);
        let bytes = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        peer.send(SETTINGS, 0, 0, &settings.iter().flat_map(bytes).collect::<Vec<_>>()).await;
        peer
    }

    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_send(kind, flags, stream, payload).await.unwrap();
    }

    /// Sends the same frame until the client closes the connection.
    pub async fn flood(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let many = frame(kind, flags, stream, payload).repeat(64);
        while self.0.write_all(&many).await.is_ok() && self.0.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    async fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        self.0.write_all(&frame(kind, flags, stream, payload)).await?;
        self.0.flush().await
    }

    /// Waits for the next request and returns its stream. Acknowledges settings and pings. Returns `None` at the end.
    pub async fn next_request(&mut self) -> Option<u32> {
        self.next_head().await.map(|(stream, _)| stream)
    }

    /// Like `next_request`, and also returns whether the request has a body.
    pub async fn next_upload(&mut self) -> Option<(u32, bool)> {
        self.next_head().await.map(|(stream, flags)| (stream, flags & END_STREAM == 0))
    }

    async fn next_head(&mut self) -> Option<(u32, u8)> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            self.0.read_exact(&mut payload).await.ok()?;
            match (head[3], head[4]) {
                (HEADERS, flags) => {
                    return Some((u32::from_be_bytes([head[5], head[6], head[7], head[8]]), flags));
                }
                (SETTINGS, 0) => self.send(SETTINGS, ACK, 0, &[]).await,
                (PING, 0) => self.send(PING, ACK, 0, &payload).await,
                _ => {}
            }
        }
    }

    /// Sends a response without a body, with the status as a literal header field (RFC 7541 section 6.2.2).
    pub async fn respond_with(&mut self, stream: u32, status: u16) {
        let block = [&[8, 3][..], status.to_string().as_bytes()].concat();
        self.send(HEADERS, END_STREAM_AND_HEADERS, stream, &block).await;
    }

    /// Sends the same frame every 50 ms until the client closes the connection.
    pub async fn send_slowly(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        while self.try_send(kind, flags, stream, payload).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Reads and ignores everything until the client closes the connection.
    pub async fn read_and_ignore(mut self) {
        let _closed_by_client = tokio::io::copy(&mut self.0, &mut tokio::io::sink()).await;
    }

    pub async fn respond(&mut self, stream: u32) {
        self.send(HEADERS, END_STREAM_AND_HEADERS, stream, &STATUS_200).await;
    }

    /// Responds with 200 to every request.
    pub async fn respond_to_all(mut self) {
        while let Some(stream) = self.next_request().await {
            self.respond(stream).await;
        }
    }
}
