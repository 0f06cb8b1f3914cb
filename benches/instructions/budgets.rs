//! The expected number of instructions for each part, in a file that is checked in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

pub(crate) struct Budgets {
    /// The compiler and the processor that the numbers were counted with.
    machine: String,
    parts: BTreeMap<String, u64>,
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/budgets.txt"))
}

impl Budgets {
    /// Reads the file. Its first line names the machine; each other line has a part and its number.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        let (machine, parts) = text.split_once('\n').unwrap_or_default();
        let read = |line: &str| {
            let (name, number) = line.rsplit_once(' ')?;
            Some((name.trim().to_owned(), number.parse().ok()?))
        };
        Self { machine: machine.into(), parts: parts.lines().filter_map(read).collect() }
    }

    pub(crate) fn of(&self, part: &str) -> Option<u64> {
        self.parts.get(part).copied()
    }

    pub(crate) fn set(&mut self, part: &str, number: u64) {
        self.parts.insert(part.into(), number);
    }

    pub(crate) fn are_for_this_machine(&self) -> bool {
        self.machine == machine()
    }

    pub(crate) fn write(&self) {
        let mut text = format!("{}\n", machine());
        for (name, number) in &self.parts {
            writeln!(text, "{name:<52} {number}").unwrap();
        }
        std::fs::write(path(), text).unwrap();
    }
}

/// The compiler, and the processor: libraries choose their code by its features.
fn machine() -> String {
    let output = Command::new("rustc").arg("--version").output().unwrap();
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of = |name: &str| {
        let line = processors.lines().find(|line| line.split(':').next().is_some_and(|found| found.trim() == name));
        line.and_then(|line| line.split(':').nth(1)).unwrap_or_default().trim().to_owned()
    };
    let names = ["model name", "cpu family", "model", "stepping"].map(of).join(" ");
    format!("{}, {names}", String::from_utf8_lossy(&output.stdout).trim())
}
