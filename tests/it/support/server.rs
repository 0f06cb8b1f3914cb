//! A plain HTTP server on loopback that records what it gets.

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

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What to answer.
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

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(answer, true).await
    }

    /// Keeps no request: `answer` keeps what it needs of each.
    pub async fn forgetful(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(answer, false).await
    }

    async fn serve(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static, keeps: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (requests.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (log.clone(), answer.clone());
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (log, answer) = (log.clone(), answer.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
                        let request = Request { method: head.method, uri: head.uri, headers: head.headers, body };
                        let reply = answer(&request);
                        if keeps {
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

/// What has arrived: which ids, and how many requests.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    ids: Arc<Mutex<HashSet<String>>>,
    requests: Arc<AtomicUsize>,
}

impl Judge {
    /// Takes everything, and keeps of it the ids.
    pub async fn listen(&self) -> Server {
        let judge = self.clone();
        Server::forgetful(move |request| {
            judge.requests.fetch_add(1, Ordering::Relaxed);
            judge.ids.lock().unwrap().insert(request.headers["webhook-id"].to_str().unwrap().to_owned());
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
