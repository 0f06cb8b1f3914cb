//! What benches have in common: a receiver in its own process, a bare loop that posts to it, and hookwire doing the same.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::retry::{Decision, Facts, Policy, RetryPolicy};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Sender, Store};
use hookwire::signature::{STANDARD, Signing};
use hookwire::worker::CancellationToken;
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;

pub(crate) const CALLERS: usize = 64;
const TENANTS: usize = 16;
const PAYLOAD: usize = 1_024;

/// Signs and posts, nothing else.
pub(crate) async fn bare(url: &str, events: usize) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let keys = Arc::new(Keyring::new(Key::generate().unwrap()));
    let (uri, payload) = (url.parse::<Uri>().unwrap(), Bytes::from(vec![b'x'; PAYLOAD]));
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (client, keys, uri, payload, next) =
            (client.clone(), keys.clone(), uri.clone(), payload.clone(), next.clone());
        tasks.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= events {
                    break;
                }
                let id = format!("evt_{turn:032x}");
                let mut request = Request::new(Full::new(payload.clone()));
                *request.method_mut() = Method::POST;
                *request.uri_mut() = uri.clone();
                request.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
                let now = std::time::SystemTime::now().into();
                let signing = Signing { id: &id, timestamp: now, body: &payload };
                STANDARD.sign(&signing, &keys, request.headers_mut()).unwrap();
                let response = client.request(request).await.unwrap();
                assert_eq!(response.status(), 204);
                let _empty = response.into_body().collect().await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// The default policy, and a place in the line for each attempt that has ended.
#[derive(Debug)]
struct Line {
    policy: Policy,
    places: Arc<Semaphore>,
}

impl RetryPolicy for Line {
    fn max_attempts(&self) -> u32 {
        self.policy.max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.places.add_permits(1);
        self.policy.decide(facts)
    }
}

/// As many callers as the bare loop has, each with one delivery under way, until the last is settled.
pub(crate) async fn hookwire(store: impl Store + Clone + 'static, url: &str, events: usize) -> Sender {
    let places = Arc::new(Semaphore::new(CALLERS));
    let line = Line { policy: Policy::default(), places: places.clone() };
    let sender = Sender::builder(store.clone()).egress(egress()).retry(line).build().unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    dispatch_all(&sender, url, events, Some(places)).await;
    nothing_pending(&store).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    sender
}

fn egress() -> EgressPolicy {
    EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback()
}

/// A worker alone.
pub(crate) async fn work(store: impl Future<Output = impl Store + 'static>) {
    let sender = Sender::builder(store.await).egress(egress()).build().unwrap();
    sender.worker().run(CancellationToken::new()).await.unwrap();
}

/// Dispatches, and waits until others have delivered everything.
pub(crate) async fn dispatch_only(store: impl Store + Clone + 'static, url: &str, events: usize) {
    let sender = Sender::builder(store.clone()).egress(egress()).build().unwrap();
    dispatch_all(&sender, url, events, None).await;
    nothing_pending(&store).await;
}

/// As many callers as the bare loop has, each of which takes a place in the line first, if there is one.
async fn dispatch_all(sender: &Sender, url: &str, events: usize, line: Option<Arc<Semaphore>>) {
    for tenant in 0..TENANTS {
        let endpoint = NewEndpoint::at(Target::parse(url).unwrap()).tenant(format!("tenant-{tenant}"));
        sender.endpoints().create(endpoint).await.unwrap();
    }
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (sender, next, line) = (sender.clone(), next.clone(), line.clone());
        tasks.spawn(async move {
            let payload = Bytes::from(vec![b'x'; PAYLOAD]);
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= events {
                    break;
                }
                if let Some(places) = &line {
                    places.acquire().await.unwrap().forget();
                }
                let event = NewEvent::raw("bench.made", "application/json", payload.clone()).unwrap();
                sender.dispatch(event.tenant(format!("tenant-{}", turn % TENANTS))).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Asked of the hot index, because counting what is stored is no part of delivering.
async fn nothing_pending(store: &impl Store) {
    while !store.lanes(Work::Sent, None, 1).await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn start_receiver() -> (Child, String) {
    use std::io::BufRead;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .arg("receiver")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, format!("http://{}/in", line.trim()))
}

/// Reads every request whole and answers 204. Ends when its parent does.
pub(crate) mod receiver {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::{BodyExt, Empty};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    pub(crate) async fn serve() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::thread::spawn(|| {
            let _parent_is_gone = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(connection);
        }
    }

    async fn answer(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let _body = request.into_body().collect().await;
        let mut response = Response::new(Empty::new());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        Ok(response)
    }
}
