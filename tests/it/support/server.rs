//! An HTTP server on loopback that records its requests.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt, Collected, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A response.
#[derive(Debug)]
pub struct Reply(http::Response<Full<Bytes>>);

impl Reply {
    pub fn status(code: u16) -> Self {
        Self(http::Response::builder().status(code).body(Full::default()).unwrap())
    }

    pub fn body(mut self, body: &str) -> Self {
        *self.0.body_mut() = Full::from(body.to_owned());
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(respond: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(respond, true).await
    }

    /// Does not record the requests. `respond` can store what it needs.
    pub async fn start_without_log(respond: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(respond, false).await
    }

    async fn serve(respond: impl Fn(&Request) -> Reply + Send + Sync + 'static, is_logged: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, respond) = (requests.clone(), Arc::new(respond));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, respond) = (log.clone(), respond.clone());
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (log, respond) = (log.clone(), respond.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
                        let request = Request { method: head.method, uri: head.uri, headers: head.headers, body };
                        let reply = respond(&request);
                        if is_logged {
                            log.lock().unwrap().push(request);
                        }
                        Ok::<_, Infallible>(reply.0)
                    }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _closed = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, requests, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts the requests that arrived, and collects their webhook ids.
#[derive(Clone, Debug, Default)]
pub struct ReceivedIds {
    ids: Arc<Mutex<HashSet<String>>>,
    requests: Arc<AtomicUsize>,
}

impl ReceivedIds {
    /// Starts a server that responds with 204 and records the ids.
    pub async fn listen(&self) -> Server {
        let received_ids = self.clone();
        Server::start_without_log(move |request| {
            received_ids.requests.fetch_add(1, Ordering::Relaxed);
            received_ids.ids.lock().unwrap().insert(request.headers["webhook-id"].to_str().unwrap().to_owned());
            Reply::status(204)
        })
        .await
    }

    pub fn has(&self, id: &str) -> bool {
        self.ids.lock().unwrap().contains(id)
    }

    pub fn distinct(&self) -> usize {
        self.ids.lock().unwrap().len()
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
