//! An interpreter with the official libraries, asked line by line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::Provider;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Sign,
    Verify,
}

#[derive(Debug)]
pub struct Job {
    pub library: &'static str,
    pub task: Task,
    pub secret: &'static str,
    pub url: &'static str,
    pub headers: HeaderMap,
    pub body: String,
    pub id: &'static str,
    pub timestamp: i64,
}

/// Which libraries cannot do what: octokit's is for npm alone, two others have no call to sign.
const UNABLE: [(&str, &str, Task); 4] = [
    ("peer.mjs", "slack", Task::Sign),
    ("peer.py", "github", Task::Sign),
    ("peer.py", "github", Task::Verify),
    ("peer.py", "stripe", Task::Sign),
];

/// Where everything is installed.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("HOOKWIRE_INTEROP").map(PathBuf::from);
    if folder.is_none() {
        assert!(std::env::var_os("HOOKWIRE_TEST_REQUIRE").is_none(), "HOOKWIRE_INTEROP is not set");
        println!("NOT RUN: HOOKWIRE_INTEROP is not set (see tests/interop/main.rs)");
    }
    folder
}

pub struct Peer {
    script: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Both, or none where they are not installed.
    pub fn all() -> Vec<Self> {
        let Some(folder) = folder() else { return Vec::new() };
        let python = folder.join("venv/bin/python");
        [("node".into(), "peer.mjs"), (python, "peer.py")]
            .map(|(program, script): (PathBuf, _)| {
                let mut command = Command::new(program);
                command.arg(folder.join(script)).stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut child = command.spawn().unwrap();
                let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
                Self { script, child, input, output }
            })
            .into()
    }

    /// The providers whose library can do this.
    pub fn knows(&self, providers: &'static [Provider], task: Task) -> Vec<&'static Provider> {
        providers.iter().filter(|provider| !UNABLE.contains(&(self.script, provider.name, task))).collect()
    }

    pub fn verifies(&mut self, job: &Job) -> bool {
        let answer = self.ask(job);
        answer["ok"].as_bool().unwrap_or_else(|| panic!("{}: {answer}", job.library))
    }

    pub fn signs(&mut self, job: &Job) -> HeaderMap {
        let answer = self.ask(job);
        let headers = answer["headers"].as_object().unwrap_or_else(|| panic!("{}: {answer}", job.library));
        let pair = |(name, value): (&String, &Value)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value.as_str().unwrap()).unwrap())
        };
        headers.iter().map(pair).collect()
    }

    fn ask(&mut self, job: &Job) -> Value {
        let headers = job.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let line = json!({
            "library": job.library,
            "task": if job.task == Task::Sign { "sign" } else { "verify" },
            "secret": job.secret,
            "url": job.url,
            "headers": headers.collect::<std::collections::BTreeMap<_, _>>(),
            "body": job.body,
            "id": job.id,
            "timestamp": job.timestamp,
        });
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{}: {answer:?}", self.script))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.script)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
