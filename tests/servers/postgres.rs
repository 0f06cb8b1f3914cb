//! A PostgreSQL server for the tests, started from the installed binaries; the benches use this file too.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hookwire::store::tokio_postgres::{self, NoTls};

/// Runs one future to its end, outside of any runtime.
pub fn block_on<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run)
}

pub fn answers(url: &str) -> bool {
    block_on(async {
        let connected = tokio::time::timeout(Duration::from_secs(5), try_connect(url)).await;
        matches!(connected, Ok(Ok(())))
    })
}

async fn try_connect(url: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let driver = tokio::spawn(connection);
    client.batch_execute("SELECT 1").await?;
    driver.abort();
    Ok(())
}

/// A connection that is closed when its client is dropped.
pub async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A server that is a direct child of this process. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    process: Option<Child>,
    port: u16,
    directory: tempfile::TempDir,
    binaries: PathBuf,
}

/// The binaries of the newest installed version.
pub fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let binaries = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    binaries.filter(|path| path.join("postgres").exists()).max()
}

/// The server does not run as root.
fn as_postgres(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
    command
}

impl Server {
    /// Starts a server; `None` if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let binaries = binaries()?;
        let directory = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let mut initdb = as_postgres(&binaries.join("initdb"));
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N", "-D"]);
        let made = initdb.arg(directory.path().join("data")).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(made.unwrap().success(), "initdb failed");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { process: None, port, directory, binaries };
        server.run();
        Some(server)
    }

    /// A server that ends when this process ends: a shell that watches its input stops the server and deletes its files.
    pub fn start_shared() -> Option<Self> {
        let mut server = Self::start()?;
        let process = server.process.take()?;
        let script = format!("cat; kill -QUIT {}; sleep 1; rm -rf {}", process.id(), server.directory.path().display());
        let mut watch = Command::new("sh");
        watch.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // The input of the shell stays open as long as this process runs.
        std::mem::forget(watch.spawn().unwrap());
        server.directory.disable_cleanup(true);
        Some(server)
    }

    /// Starts a standby of this server. From now on, every commit of this server waits for the standby.
    pub fn synchronous_standby(&self) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(directory.path(), open).unwrap();
        let mut copy = as_postgres(&self.binaries.join("pg_basebackup"));
        copy.args(["-h", "127.0.0.1", "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "-N"]);
        copy.args(["-p", &self.port.to_string(), "-D"]).arg(directory.path().join("data"));
        let copied = copy.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(copied.unwrap().success(), "pg_basebackup failed");
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut standby = Self { process: None, port, directory, binaries: self.binaries.clone() };
        standby.run();
        self.execute("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.execute("SELECT pg_reload_conf()");
        let followed = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync') \
                        LOOP PERFORM pg_sleep(0.05); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$";
        self.execute(followed);
        standby
    }

    /// Runs a statement on a new connection. Must not be called inside a runtime.
    pub fn execute(&self, sql: &str) {
        let (url, sql) = (self.url(), sql.to_owned());
        let run = move || block_on(async { connect(&url).await.batch_execute(&sql).await.unwrap() });
        std::thread::spawn(run).join().unwrap();
    }

    /// Sends a signal to all processes of the server.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid();
        for pid in std::iter::once(pid).chain(children_of(pid)) {
            let _gone = Command::new("kill").args([signal, &pid.to_string()]).status();
        }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server again after a kill, and waits until it accepts connections.
    pub fn run(&mut self) {
        let data = self.directory.path().join("data");
        let mut command = as_postgres(&self.binaries.join("postgres"));
        command.arg("-D").arg(data).args(["-p", &self.port.to_string(), "-h", "127.0.0.1", "-c"]);
        command.arg(format!("unix_socket_directories={}", self.directory.path().display()));
        command.args(["-c", "max_connections=200"]);
        self.process = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        self.wait();
    }

    /// Waits until the server accepts connections.
    pub fn wait(&self) {
        let url = self.url();
        let wait = move || {
            (0..600).any(|_| {
                answers(&url) || {
                    std::thread::sleep(Duration::from_millis(50));
                    false
                }
            })
        };
        assert!(std::thread::spawn(wait).join().unwrap(), "the server does not come up");
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The id of the postmaster, the parent of all other processes.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Sends `SIGKILL` to the postmaster, and waits until it and its children have ended.
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let children = children_of(process.id());
        process.kill().unwrap();
        process.wait().unwrap();
        for child in children {
            // A stopped child does not notice that its parent has ended, so it is continued.
            let _gone = Command::new("kill").args(["-CONT", &child.to_string()]).stderr(Stdio::null()).status();
            for _ in 0..600 {
                if !Path::new(&format!("/proc/{child}")).exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// The child processes of a process.
pub fn children_of(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
