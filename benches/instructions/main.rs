//! Instructions of the parts of hookwire, counted and not timed, so that a change of 1 % is visible on a busy machine.
//!
//! Each part runs twice under valgrind's cachegrind or under strace, once with few and once with many operations. The difference, divided by the number of
//! operations between, is the cost of one operation: the start of the process cancels out. All threads of the process are counted, the
//! kernel is not. The stores are called with batches of 64, as a busy worker calls them. The receiver of the deliveries is another process.
//!
//! `budgets.txt` has the expected number for each part. A part that needs more than its tolerance fails, if compiler and processor are those
//! that the budgets were counted with. Run it with `cargo bench -p hookwire-instructions`. `HOOKWIRE_BENCH_ONLY` counts only the parts whose
//! names contain this text, and `HOOKWIRE_UPDATE=1` writes the budgets anew.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark reports, reads the clock, and fails with a panic"
)]

mod budgets;
#[expect(dead_code, reason = "another benchmark uses the rest")]
#[path = "../parts/mod.rs"]
mod parts;
mod work;

use std::process::{Command, ExitCode};

use self::budgets::Budgets;
use self::parts::{receiver, start_receiver};
use self::work::{PARTS, Part, Unit};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[1..] {
        ["receiver", ..] => work::runtime().block_on(receiver::serve()),
        ["count", name, count, url] => work::runtime().block_on(work::run(name, count.parse().unwrap(), url)),
        _ => return report(),
    }
    ExitCode::SUCCESS
}

/// Counts the parts and compares them with their budgets.
fn report() -> ExitCode {
    let only = std::env::var("HOOKWIRE_BENCH_ONLY").unwrap_or_default();
    let mut budgets = Budgets::read();
    let (mut child, url) = start_receiver();
    println!("{:<52}{:>14}{:>14}{:>10}", "", "counted", "budget", "change");
    let mut too_many = Vec::new();
    for part in PARTS.iter().filter(|part| part.title().contains(&only)) {
        let counted = count(part, &url);
        let name = part.title();
        let budget = budgets.of(&name);
        let change = budget.map(|budget| 100.0 * (counted as f64 / budget as f64 - 1.0));
        let text = |number: Option<String>| number.unwrap_or_else(|| "-".into());
        println!(
            "{name:<52}{counted:>14}{:>14}{:>10}",
            text(budget.map(|budget| budget.to_string())),
            text(change.map(|change| format!("{change:+.2} %")))
        );
        // A part without a budget would never be checked.
        if change.is_none_or(|change| change > part.tolerance) {
            too_many.push(name.clone());
        }
        budgets.set(&name, counted);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if std::env::var_os("HOOKWIRE_UPDATE").is_some() {
        budgets.write();
        return ExitCode::SUCCESS;
    }
    if too_many.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("over the budget, or without one: {}", too_many.join(", "));
    if budgets.are_for_this_machine() {
        return ExitCode::FAILURE;
    }
    println!("the budgets were counted with another compiler or processor, so this is only a report");
    ExitCode::SUCCESS
}

/// The instructions of one operation of a part, or the system calls of 1,000.
fn count(part: &Part, url: &str) -> u64 {
    let (few, many) = part.operations;
    let difference = |counter: fn(&str, u64, &str) -> u64| counter(part.name, many, url) - counter(part.name, few, url);
    match part.unit {
        Unit::Instructions => difference(instructions) / (many - few),
        Unit::SystemCalls => difference(system_calls) * 1_000 / (many - few),
    }
}

/// The system calls of a process that runs this many operations, on all its threads.
fn system_calls(name: &str, count: u64, url: &str) -> u64 {
    let counts = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(counts.path());
    command.arg(std::env::current_exe().unwrap()).args(["count", name, &count.to_string(), url]);
    let output = command.output().unwrap_or_else(|error| panic!("strace does not start: {error}; install it"));
    assert!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    let counts = std::fs::read_to_string(counts.path()).unwrap();
    let total = counts.lines().find(|line| line.ends_with(" total")).unwrap_or_else(|| panic!("no total: {counts}"));
    total.split_whitespace().nth(3).unwrap().parse().unwrap()
}

/// The instructions of a process that runs this many operations.
fn instructions(name: &str, count: u64, url: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe().unwrap()).args(["count", name, &count.to_string(), url]);
    let output = command.output().unwrap_or_else(|error| panic!("valgrind does not start: {error}; install it"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {said}");
    let line = said.lines().find_map(|line| line.split_once("I refs:").or_else(|| line.split_once("I   refs:")));
    let line = line.unwrap_or_else(|| panic!("cachegrind printed no count: {said}"));
    line.1.trim().replace(',', "").parse().unwrap()
}
