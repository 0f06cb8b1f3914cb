//! HTTP/2 by hand (RFC 9113 section 4.1): enough of it to misbehave.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;

pub const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
const ACK: u8 = 1;
const END_STREAM_AND_HEADERS: u8 = 5;
/// `:status: 200` in HPACK (RFC 7541 appendix A, entry 8).
const STATUS_200: [u8; 1] = [0x88];

/// The server's side of one connection.
pub struct Peer<S>(S);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub async fn greet(mut stream: S) -> Self {
        stream.read_exact(&mut [0; PREFACE]).await.unwrap();
        let mut peer = Self(stream);
        peer.send(SETTINGS, 0, 0, &[]).await;
        peer
    }

    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The stream of the next request; settings and pings are answered on the way. `None` at the end.
    pub async fn next_request(&mut self) -> Option<u32> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            self.0.read_exact(&mut payload).await.ok()?;
            match (head[3], head[4]) {
                (HEADERS, _) => return Some(u32::from_be_bytes([head[5], head[6], head[7], head[8]])),
                (SETTINGS, 0) => self.send(SETTINGS, ACK, 0, &[]).await,
                (PING, 0) => self.send(PING, ACK, 0, &payload).await,
                _ => {}
            }
        }
    }

    pub async fn answer(&mut self, stream: u32) {
        self.send(HEADERS, END_STREAM_AND_HEADERS, stream, &STATUS_200).await;
    }

    /// Answers everything.
    pub async fn behave(mut self) {
        while let Some(stream) = self.next_request().await {
            self.answer(stream).await;
        }
    }
}
