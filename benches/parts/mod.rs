//! Shared parts of the benchmarks: a receiver in another process, a bare loop that posts to it, and hookwire doing the same.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::provider::STANDARD;
use hookwire::retry::{Decision, Facts, Policy, RetryPolicy};
use hookwire::secret::{Key, Keyring};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::signature::Signing;
use hookwire::store::Store;
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

/// Signs and posts in a loop, without hookwire's sender.
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

/// The default policy. It releases one permit for each attempt that has ended.
#[derive(Debug)]
struct PermitPerAttempt {
    policy: Policy,
    permits: Arc<Semaphore>,
}

impl RetryPolicy for PermitPerAttempt {
    fn max_attempts(&self) -> u32 {
        self.policy.max_attempts()
    }

    fn decide(&self, facts: &Facts<'_>) -> Decision {
        self.permits.add_permits(1);
        self.policy.decide(facts)
    }
}

/// Delivers `events` events. At most as many deliveries are in progress as the bare loop has callers. Returns after the last one is
/// settled.
pub(crate) async fn hookwire(store: impl Store + Clone + 'static, url: &str, events: usize) -> Sender {
    let permits = Arc::new(Semaphore::new(CALLERS));
    let policy = PermitPerAttempt { policy: Policy::default(), permits: permits.clone() };
    let sender = Sender::builder(store.clone()).egress(egress()).retry(policy).build().unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    dispatch_all(&sender, url, events, Some(permits)).await;
    wait_until_settled(&store).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    sender
}

fn egress() -> EgressPolicy {
    EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback()
}

/// Runs only a worker.
pub(crate) async fn work(store: impl Future<Output = impl Store + 'static>) {
    let sender = Sender::builder(store.await).egress(egress()).build().unwrap();
    sender.worker().run(CancellationToken::new()).await.unwrap();
}

/// Only dispatches, and waits until other processes have delivered everything.
pub(crate) async fn dispatch_only(store: impl Store + Clone + 'static, url: &str, events: usize) {
    let sender = Sender::builder(store.clone()).egress(egress()).build().unwrap();
    dispatch_all(&sender, url, events, None).await;
    wait_until_settled(&store).await;
}

/// Dispatches from as many callers as the bare loop has. Each caller takes a permit before an event, if `permits` is given.
async fn dispatch_all(sender: &Sender, url: &str, events: usize, permits: Option<Arc<Semaphore>>) {
    for tenant in 0..TENANTS {
        let endpoint = NewEndpoint::at(Target::parse(url).unwrap()).tenant(format!("tenant-{tenant}"));
        sender.endpoints().create(endpoint).await.unwrap();
    }
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (sender, next, permits) = (sender.clone(), next.clone(), permits.clone());
        tasks.spawn(async move {
            let payload = Bytes::from(vec![b'x'; PAYLOAD]);
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= events {
                    break;
                }
                if let Some(permits) = &permits {
                    permits.acquire().await.unwrap().forget();
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

/// Waits until nothing is pending. It asks for pending lanes, because counting all stored deliveries would be slow.
async fn wait_until_settled(store: &impl Store) {
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

/// A server that reads every request and responds with 204. It ends with its parent process.
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
            let _parent_ended = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
            tokio::spawn(connection);
        }
    }

    async fn respond(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let _body = request.into_body().collect().await;
        let mut response = Response::new(Empty::new());
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        Ok(response)
    }
}
