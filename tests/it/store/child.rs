//! Child processes: this test binary again, running one of its hidden tests.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The variable with the path of the store, for a child.
const PATH: &str = "HOOKWIRE_TEST_STORE";

/// The variable with a number for the child's task.
const NUMBER: &str = "HOOKWIRE_TEST_NUMBER";

/// The prefix of a line for the parent; the test harness prints other lines.
const MARK: &str = "> ";

/// The longest wait for a child's next line.
const PATIENCE: Duration = Duration::from_secs(120);

/// The command that runs the hidden test `name` on the store at `path`, perhaps under `wrapper`.
pub(super) fn command(wrapper: &[&OsStr], name: &str, path: &Path) -> Command {
    let test = std::env::current_exe().unwrap();
    let mut words = wrapper.iter().copied().chain([test.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(PATH, path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

/// A child process and the lines that it prints. It is killed when this value is dropped.
#[derive(Debug)]
pub(super) struct Running {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    pub(super) fn start(mut command: Command, number: u64) -> Self {
        let mut process = command.env(NUMBER, number.to_string()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || {
            let said =
                output.split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned());
            // Incomplete lines are ignored: a child writes each line together with its newline, so the kill cut off the write.
            said.filter_map(|line| line.split_once(MARK).map(|(_, said)| said.to_owned()))
                .for_each(|line| drop(to.send(line)));
        });
        Self { process, lines }
    }

    /// The next line, or `None` when there are no more.
    pub(super) fn next(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the child prints nothing"),
        }
    }

    /// All lines until the child ends.
    pub(super) fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Kills the child with `SIGKILL`.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until the child ends. Returns whether it succeeded.
    pub(super) fn went_well(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_known = self.process.wait();
    }
}

/// In a child: the store's path and the number.
pub(super) fn task() -> (PathBuf, u64) {
    let path = std::env::var_os(PATH).expect("only started by another test");
    (PathBuf::from(path), std::env::var(NUMBER).unwrap().parse().unwrap())
}

/// In a child: prints a line for the parent, in one write.
pub(super) fn say(what: &str) {
    let line = format!("\n{MARK}{what}\n");
    let mut output = std::io::stdout().lock();
    output.write_all(line.as_bytes()).unwrap();
    output.flush().unwrap();
}

/// Keeps three children running: repeatedly, the oldest is killed after it has printed 300 lines, and another one is started. In the
/// end all are killed. Returns all lines.
pub(super) fn kill_in_turn(start: impl Fn() -> Running, kills: usize) -> Vec<String> {
    let mut running: VecDeque<_> = (0..3).map(|_| start()).collect();
    let mut said = Vec::new();
    for _ in 0..kills {
        let Some(mut child) = running.pop_front() else { break };
        said.extend((0..300).map(|_| child.next().expect("the child runs until it is killed")));
        child.kill();
        said.extend(child.rest());
        running.push_back(start());
    }
    for mut child in running {
        child.kill();
        said.extend(child.rest());
    }
    said
}
