//! Four worker processes on one PostgreSQL. One is killed half-way: nothing is lost, and the others go on.
//!
//! `cargo run --example many_workers --features postgres [events]`, with the URL of the database in `HOOKWIRE_POSTGRES` (default
//! `postgres://postgres@127.0.0.1:5432/postgres`). The tables are in a separate schema, which is dropped at the end.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Router, routing::post};
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::sender::Sender;
use hookwire::sender::egress::{Dial, Dialed, EgressPolicy};
use hookwire::sender::http::HttpOptions;
use hookwire::store::PostgresStore;
use hookwire::store::{PostgresOptions, tokio_postgres};
use hookwire::worker::Config;

const WORKERS: u8 = 4;
const ENDPOINTS: usize = 8;

/// Gives each worker process a source address of its own, so that the receiver can distinguish them.
#[derive(Debug)]
struct SourceAddress(IpAddr);

#[async_trait]
impl Dial for SourceAddress {
    async fn dial(&self, address: SocketAddr) -> io::Result<Dialed> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.0, 0))?;
        Dialed::direct(socket.connect(address).await?)
    }
}

fn sender(store: &PostgresStore, from: IpAddr) -> Result<Sender, Box<dyn Error>> {
    // The "dangerous" settings are needed because the receiver below is on this machine.
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    let http =
        HttpOptions::default().egress(egress).dialer(SourceAddress(from)).exchange_timeout(Duration::from_secs(1));
    // A short lease, so that the other workers soon take over what a killed worker had claimed.
    let config = Config { lease: Duration::from_secs(20), ..Config::default() };
    let http = http.connect_timeout(Duration::from_secs(1));
    Ok(Sender::builder(store.clone()).clock(store.clock()).http(http).worker(config).build()?)
}

async fn open(schema: &str) -> Result<PostgresStore, Box<dyn Error>> {
    let default = "postgres://postgres@127.0.0.1:5432/postgres".to_owned();
    let url = std::env::var("HOOKWIRE_POSTGRES").unwrap_or(default);
    let opened = PostgresOptions::new(&url)?.schema(schema)?.open().await;
    Ok(opened.map_err(|error| format!("{url}: {error} (set HOOKWIRE_POSTGRES to the URL of the database)"))?)
}

/// A worker process: works until it is killed.
async fn work(schema: &str, number: u8) -> Result<(), Box<dyn Error>> {
    let sender = sender(&open(schema).await?, Ipv4Addr::new(127, 0, 0, number).into())?;
    Ok(sender.worker().run_until(std::future::pending::<()>()).await?)
}

fn start(schema: &str, number: u8) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).args(["worker", schema, &number.to_string()]).spawn()
}

/// The requests that have arrived.
#[derive(Clone, Default)]
struct Tally(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    /// Number of requests, by endpoint and event.
    deliveries: HashMap<String, u32>,
    /// Number of requests, by the worker that sent them.
    requests: BTreeMap<IpAddr, u32>,
}

impl Tally {
    fn record(&self, from: IpAddr, event: String) {
        let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *tally.deliveries.entry(event).or_default() += 1;
        *tally.requests.entry(from).or_default() += 1;
    }

    fn deliveries(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).deliveries.len()
    }
}

async fn receive(
    State(tally): State<Tally>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tally.record(peer.ip(), format!("{} {id}", uri.path()));
    // The receiver takes some time for each request.
    tokio::time::sleep(Duration::from_millis(5)).await;
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [role, schema, number] = &arguments[..]
        && role == "worker"
    {
        return work(schema, number.parse()?).await;
    }
    let events: usize = arguments.first().map_or(Ok(2_000), |count| count.parse())?;
    let schema = format!("hookwire_example_{}", std::process::id());
    let store = open(&schema).await?;
    let done = run(&store, &schema, events).await;
    let url = std::env::var("HOOKWIRE_POSTGRES").unwrap_or("postgres://postgres@127.0.0.1:5432/postgres".into());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await?;
    done
}

async fn run(store: &PostgresStore, schema: &str, events: usize) -> Result<(), Box<dyn Error>> {
    let (tally, listener) = (Tally::default(), tokio::net::TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?;
    let app = Router::new().route("/{endpoint}", post(receive)).with_state(tally.clone());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });

    // This process only dispatches. It runs no worker.
    let sender = sender(store, Ipv4Addr::LOCALHOST.into())?;
    for number in 0..ENDPOINTS {
        let target = Target::parse(&format!("http://{address}/endpoint-{number}"))?;
        sender.endpoints().create(NewEndpoint::at(target)).await?;
    }
    let mut workers = (1..=WORKERS).map(|number| start(schema, number)).collect::<Result<Vec<_>, _>>()?;
    let owed = events * ENDPOINTS;
    println!("{events} events to {ENDPOINTS} endpoints, by {WORKERS} processes");
    let dispatching = {
        let sender = sender.clone();
        tokio::spawn(async move {
            for number in 0..events {
                sender.dispatch(NewEvent::json("number.counted", &number)?).await?;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        })
    };
    let mut killed = false;
    while !dispatching.is_finished() || sender.history().counts(None).await?.pending > 0 {
        let arrived = tally.deliveries();
        if !killed && arrived * 2 >= owed {
            workers[0].kill()?;
            killed = true;
            println!("{arrived} of {owed} have arrived: the first process is killed");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    dispatching.await?.map_err(|error| error.to_string())?;
    for worker in &mut workers {
        // The first process has been killed already.
        let _already_killed = worker.kill();
        worker.wait()?;
    }
    report(&tally, owed)
}

fn report(tally: &Tally, owed: usize) -> Result<(), Box<dyn Error>> {
    let tally = tally.0.lock().unwrap_or_else(PoisonError::into_inner);
    for (from, requests) in &tally.requests {
        println!("  the process at {from} made {requests} requests");
    }
    let twice = tally.deliveries.values().filter(|times| **times > 1).count();
    let arrived = tally.deliveries.len();
    println!(
        "{arrived} of {owed} deliveries have arrived, {twice} of them twice, because they were in flight when their worker was killed"
    );
    if arrived == owed { Ok(()) } else { Err("a delivery is lost".into()) }
}
