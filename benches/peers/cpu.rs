//! The CPU time of processes and of the processes below them, from `/proc`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::problem::Problem;

/// A tick of the times in `/proc/<pid>/stat`: Linux shows 100 a second on every architecture that Rust's standard library supports.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of a process and of all processes below it.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) process: u32,
    pub(crate) name: String,
    pub(crate) time: Duration,
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    /// User and system time, of the process and of its children that have ended.
    ticks: u32,
}

/// Reads the CPU time of each of these processes. A process below two of them counts for the first.
pub(crate) fn read(processes: &[u32]) -> Result<Vec<Usage>, Problem> {
    let all = all_processes()?;
    let mut counted: HashSet<u32> = processes.iter().copied().collect();
    // A shell that has started both a server and this benchmark must not count for the server.
    counted.insert(std::process::id());
    let usage = |process: &u32| {
        let missing =
            || Problem::new(format!("PEERS_PIDS contains {process}, but no such process runs; correct PEERS_PIDS"));
        let stat = all.get(process).ok_or_else(missing)?;
        let ticks = stat.ticks + ticks_below(*process, &all, &mut counted);
        Ok(Usage { process: *process, name: stat.name.clone(), time: TICK * ticks })
    };
    processes.iter().map(usage).collect()
}

/// Whether a process runs. One that has ended does not run, even if its parent has not noticed yet.
pub(crate) fn is_running(process: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    text.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The CPU time of this program.
pub(crate) fn own() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    parse(&text).map(|stat| TICK * stat.ticks).unwrap_or_default()
}

fn ticks_below(process: u32, all: &HashMap<u32, Stat>, counted: &mut HashSet<u32>) -> u32 {
    let mut parents = vec![process];
    let mut ticks = 0;
    while let Some(parent) = parents.pop() {
        for (id, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            if counted.insert(*id) {
                ticks += stat.ticks;
                parents.push(*id);
            }
        }
    }
    ticks
}

fn all_processes() -> Result<HashMap<u32, Stat>, Problem> {
    let wrong =
        |error| Problem::new(format!("/proc cannot be read: {error}; unset PEERS_PIDS where there is no /proc"));
    let entries = std::fs::read_dir("/proc").map_err(wrong)?;
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let stats = ids.filter_map(|id| {
        // A process may end in between.
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, parse(&text)?))
    });
    Ok(stats.collect())
}

/// Reads a line such as `812 (postgres) S 1 ..`, as `proc_pid_stat(5)` describes it. The name may contain spaces and parentheses.
fn parse(text: &str) -> Option<Stat> {
    let (start, rest) = text.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let parent = fields.get(1)?.parse().ok()?;
    let times = fields.get(11..15)?.iter().map(|field| field.parse::<u32>());
    Some(Stat { name: name.to_owned(), parent, ticks: times.sum::<Result<_, _>>().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read() {
        let line = "812 (a (b) c) S 7 812 812 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 1000 10";
        assert_eq!(parse(line), Some(Stat { name: "a (b) c".to_owned(), parent: 7, ticks: 100 }));
        assert_eq!(parse("812 (cut"), None);
    }

    #[test]
    fn processes_below_count_once() {
        let stat = |parent, ticks| Stat { name: String::new(), parent, ticks };
        let all = HashMap::from([(2, stat(1, 1)), (3, stat(2, 10)), (4, stat(3, 100)), (5, stat(1, 1_000))]);
        let mut counted = HashSet::from([2]);
        assert_eq!(ticks_below(2, &all, &mut counted), 110);
        assert_eq!(ticks_below(3, &all, &mut counted), 0);
    }

    #[test]
    fn a_process_that_does_not_run_is_named() {
        assert!(is_running(std::process::id()) && !is_running(u32::MAX));
        assert!(read(&[u32::MAX]).unwrap_err().to_string().contains("PEERS_PIDS contains 4294967295"));
    }
}
