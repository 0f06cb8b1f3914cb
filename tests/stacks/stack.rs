//! What every stack has: a gate, a handler, and a provider that posts to it.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::provider::STANDARD;
use hookwire::receiver::{Gate, Receiver, Source, Verified};
use hookwire::secret::Keyring;
use hookwire::signature::Signing;
use hookwire::store::MemoryDedup;
use http::{HeaderMap, StatusCode};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MAX_BODY: usize = 4_096;

/// How often each event was handled.
static HANDLED: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

pub(super) async fn handle(event: Verified) -> StatusCode {
    let id = event.event_id().unwrap().to_owned();
    *HANDLED.lock().unwrap().get_or_insert_default().entry(id).or_default() += 1;
    StatusCode::ACCEPTED
}

pub(super) fn handled(id: &str) -> usize {
    HANDLED.lock().unwrap().get_or_insert_default().get(id).copied().unwrap_or_default()
}

pub(super) fn gate() -> Gate {
    let source = Source::standard(SECRET).unwrap().max_body(MAX_BODY);
    Receiver::builder(MemoryDedup::new()).source(source).build().unwrap().gate("standard").unwrap()
}

/// A listener of which the framework knows nothing yet, so that no request is lost.
pub(super) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Runs a server until the tests end.
pub(super) fn serve<F: Future>(server: impl FnOnce() -> F + Send + 'static) {
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(server());
    });
}

/// What the provider got: the status, and whether the response says that the event was handled before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) duplicate: bool,
}

impl Answer {
    pub(super) const fn new(status: u16, duplicate: bool) -> Self {
        Self { status, duplicate }
    }
}

/// The headers of a request as the provider signs it.
pub(super) fn signed(id: &str, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let keys: Keyring = STANDARD.key(SECRET).unwrap().into();
    STANDARD.sign(&Signing { id, timestamp: SystemClock.now(), body }, &keys, &mut headers).unwrap();
    headers
}

/// Posts what a provider and an attacker would post, by `post`, and checks the answers.
pub(super) fn check(stack: &str, post: impl Fn(&HeaderMap, &[u8]) -> Answer) {
    let id = format!("evt-{stack}");
    let headers = signed(&id, b"{}");
    assert_eq!(post(&headers, b"{}"), Answer::new(202, false), "{stack}: an event");
    assert_eq!(post(&headers, b"{}"), Answer::new(202, true), "{stack}: the same event again");
    assert_eq!(handled(&id), 1, "{stack}: handled once");
    assert_eq!(post(&headers, b"[]").status, 401, "{stack}: another body");
    assert_eq!(post(&HeaderMap::new(), b"{}").status, 401, "{stack}: no signature");
    let long = vec![b' '; 2 * MAX_BODY];
    let too_long = if stack == "ntex" { 400 } else { 413 };
    assert_eq!(post(&signed("long", &long), &long).status, too_long, "{stack}: a long body");
    assert_eq!((handled(&id), handled("long")), (1, 0), "{stack}: nothing else was handled");
}

/// The same, over HTTP/1.1.
pub(super) fn check_server(stack: &str, address: SocketAddr) {
    check(stack, |headers, body| over_http(address, headers, body));
}

fn over_http(address: SocketAddr, headers: &HeaderMap, body: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = format!("POST /hooks HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    stream.write_all(&[head.as_bytes(), b"connection: close\r\n\r\n", body].concat()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4_096];
    // A server that refuses a body may reset the connection after its answer.
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        answer.extend_from_slice(&buffer[..length]);
    }
    let text = String::from_utf8_lossy(&answer).to_lowercase();
    let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {text:?}")).parse().unwrap();
    Answer::new(status, text.contains("webhook-duplicate: true"))
}

/// Frameworks that bind a port by themselves need a moment.
#[expect(clippy::disallowed_methods, reason = "the rule is for the library")]
fn connect(address: SocketAddr) -> TcpStream {
    for _ in 0..200 {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    panic!("nobody listens at {address}");
}
