//! A process with a low limit of open files, and servers that keep connections open.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use hookwire::delivery::DeliveryState;
use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::outcome::Outcome;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::Sender;
use hookwire::store::MemoryStore;
use hookwire::worker::CancellationToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::held::wait_for_close;
use super::{options, read_request, respond_ok, serve};
use crate::support::until;

/// The limit of open files in the sending process.
const MAX_FILES: usize = 200;

/// How many endpoints stop reading.
const ATTACKERS: usize = 200;

/// Larger than the socket buffers of a connection with short segments.
const LARGE_BODY: usize = 300_000;

const HIDDEN: &str = "connection::descriptors::sends_with_few_descriptors";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_endpoints_that_stop_reading_leave_descriptors_for_others() {
    let attacker = stops_reading();
    let (bystander, _) = serve(|_, mut stream| async move {
        while read_request(&mut stream).await {
            respond_ok(&mut stream).await;
        }
    })
    .await;
    let mut command = tokio::process::Command::new("sh");
    command.args(["-c", &format!(r#"ulimit -n {MAX_FILES}; exec "$@""#), "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", HIDDEN, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("ATTACKER", attacker.to_string()).env("BYSTANDER", bystander.to_string());
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("all descriptors are free"), "{stdout}{output:?}");
}

/// Responds after the first 20 bytes of each request and reads no more. Short segments prevent the loopback interface from
/// buffering the whole request.
fn stops_reading() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket2::SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(512).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                if stream.read_exact(&mut [0; 20]).await.is_ok() {
                    let _closed = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                    wait_for_close(&stream).await;
                }
            });
        }
    });
    address
}

fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

async fn create(sender: &Sender, tenant: &'static str, variable: &str, path: &str) {
    let url = format!("http://{}{path}", std::env::var(variable).unwrap());
    sender.endpoints().create(NewEndpoint::at(Target::parse(&url).unwrap()).tenant(tenant)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs in a child process with a low limit of open files"]
async fn sends_with_few_descriptors() {
    let http = options().exchange_timeout(Duration::from_secs(4)).idle_timeout(Duration::from_millis(500));
    let never = Policy::new(Schedule::from_iter([]));
    let sender = Sender::builder(MemoryStore::new()).http(http).retry(never).build().unwrap();
    for number in 0..ATTACKERS {
        create(&sender, "attacker", "ATTACKER", &format!("/{number}")).await;
    }
    create(&sender, "bystander", "BYSTANDER", "/").await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender.worker().run(stop.clone()));
    let (files_before, threads_before) = (files(), threads());
    let long = NewEvent::raw("a.b", "text/plain", "x".repeat(LARGE_BODY)).unwrap().tenant("attacker");
    let attacked = sender.dispatch(long).await.unwrap().deliveries;
    let mut max_open = 0;
    for _ in 0..40 {
        let event = NewEvent::raw("a.b", "application/json", "{}").unwrap().tenant("bystander");
        let id = sender.dispatch(event).await.unwrap().deliveries[0];
        until(|| async { sender.history().delivery(id).await.unwrap().unwrap().state == DeliveryState::Delivered })
            .await;
        let attempts = sender.history().attempts(id).await.unwrap();
        assert_eq!(attempts.iter().map(|it| it.outcome).collect::<Vec<_>>(), [Outcome::Status(200)]);
        max_open = max_open.max(files());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(max_open < MAX_FILES - 20 && threads() <= threads_before + 2, "{max_open} files, {} threads", threads());
    for id in attacked {
        until(|| async { sender.history().delivery(id).await.unwrap().unwrap().state == DeliveryState::Failed }).await;
    }
    until(|| async { files() <= files_before + 2 }).await;
    writeln!(std::io::stdout(), "all descriptors are free").unwrap();
    stop.cancel();
    worker.await.unwrap().unwrap();
}
