//! F-41: a pooler in transaction mode, which gives every transaction another connection.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookwire::endpoint::{NewEndpoint, Target};
use hookwire::event::NewEvent;
use hookwire::id::Work;
use hookwire::retry::{Policy, Schedule};
use hookwire::sender::Sender;
use hookwire::sender::egress::EgressPolicy;
use hookwire::store::tokio_postgres;
use hookwire::store::{History, PostgresOptions};
use hookwire::worker::CancellationToken;
use libtest_mimic::Trial;

use crate::Needs;
use crate::schema::Schema;
use crate::server::{Reply, Server};

/// Whether pgbouncer is installed.
pub fn find() -> Option<()> {
    let version = Command::new("pgbouncer").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success()).then_some(())
}

pub fn trials(pooler: &Needs) -> Vec<Trial> {
    vec![pooler.test("pooler::f_41_everything_works_behind_pgbouncer_in_transaction_mode", behind_pgbouncer)]
}

struct Pooler {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_known = self.process.wait();
    }
}

impl Pooler {
    /// The pooler has two connections to the server, whatever the number of clients.
    async fn start(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let database = config.get_dbname().unwrap();
        let user = config.get_user().unwrap();
        let ini = format!(
            "[databases]\n{database} = host=127.0.0.1 port={} user={user}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 100\n\
             unix_socket_dir =\n",
            config.get_ports()[0]
        );
        let path = directory.path().join("pgbouncer.ini");
        std::fs::write(&path, ini).unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new("pgbouncer");
        // pgbouncer does not run as root.
        if std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0) {
            command.args(["-u", "nobody"]);
        }
        let process = command.arg(path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pooler = Self { process, port, _directory: directory };
        crate::until(|| async { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() }).await;
        pooler
    }
}

async fn behind_pgbouncer(url: String) {
    let pooler = Pooler::start(&url).await;
    let config: tokio_postgres::Config = url.parse().unwrap();
    let schema = Schema::fresh(&url);
    let mut through = tokio_postgres::Config::new();
    through.host("127.0.0.1").port(pooler.port);
    through.user(config.get_user().unwrap()).dbname(config.get_dbname().unwrap());
    let options = PostgresOptions::from_config(through).schema(&schema.name).unwrap();
    let failures = Arc::new(AtomicUsize::new(3));
    let server = Server::start(move |_| {
        let fails = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Reply::status(if fails { 500 } else { 204 })
    })
    .await;
    // One store is configured for the pooler; the other one detects it.
    let (sending, working) = (options.clone().open().await.unwrap(), options.behind_a_pooler().open().await.unwrap());
    let sender = |store| {
        let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
        Sender::builder(store)
            .egress(egress)
            .retry(Policy::new([Duration::from_millis(10); 5].into_iter().collect::<Schedule>()))
            .build()
            .unwrap()
    };
    let here = sender(sending.clone());
    here.endpoints().create(NewEndpoint::at(Target::parse(&server.url("/in")).unwrap())).await.unwrap();
    let stop = CancellationToken::new();
    let worker = tokio::spawn(sender(working).worker().run(stop.clone()));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..20 {
        let here = here.clone();
        callers.spawn(async move {
            for turn in 0..10 {
                let event =
                    NewEvent::json("a.b", &(caller, turn)).unwrap().ordered_by(format!("key-{}", caller % 3)).unwrap();
                here.dispatch(event).await.unwrap();
            }
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap();
    }
    crate::until(|| async { sending.counts(Work::Sent, None).await.unwrap().delivered == 200 }).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
}
