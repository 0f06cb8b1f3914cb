//! Which files may use the clock, random bytes, sockets and other system calls.

use super::source::Source;

/// What, and the one file or folder that may say it.
const SITES: [(&str, &str); 10] = [
    ("SystemTime::now", "clock/system.rs"),
    ("Instant::now", "clock/system.rs"),
    ("getrandom::", "entropy.rs"),
    ("Uuid::now_v7", "entropy.rs"),
    ("Uuid::new_v7", "entropy.rs"),
    ("Uuid::new_v4", "entropy.rs"),
    ("thread_rng", "entropy.rs"),
    ("TcpStream::connect", "sender/egress/"),
    ("TcpSocket::", "sender/egress/"),
    ("UdpSocket::", "sender/egress/"),
];

/// Ways of comparing two secrets in constant time.
const COMPARES: [&str; 6] = ["ct_eq(", "ct_ne(", "verify_slice(", "verify_truncated_left(", "fixed_time_eq(", "memeq("];

/// Questions to the clock, to chance and to the network outside their place, or in a second file of it.
pub fn strays(files: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (what, home) in SITES {
        let asking: Vec<_> =
            files.iter().filter(|file| !plays_the_world(file) && file.words(what).next().is_some()).collect();
        let away = asking.iter().filter(|file| !file.path.starts_with(home));
        complaints.extend(away.map(|file| format!("src/{}: {what} belongs to src/{home}", file.path)));
        if asking.len() > 1 {
            complaints.push(format!("{what}: asked in {} files", asking.len()));
        }
    }
    complaints
}

/// The testing kit and test modules bring clocks of their own, and the command-line tool is the world.
fn plays_the_world(file: &Source) -> bool {
    file.path.starts_with("testing/") || file.path.starts_with("bin/") || file.path.ends_with("/tests.rs")
}

/// Any number of compares but one.
pub fn compares(files: &[Source]) -> Vec<String> {
    let found =
        |file: &Source| COMPARES.iter().flat_map(|word| file.words(word)).map(|at| file.place(at)).collect::<Vec<_>>();
    let places: Vec<_> = files.iter().flat_map(found).collect();
    if places.len() == 1 { Vec::new() } else { vec![format!("{} compares: {}", places.len(), places.join(", "))] }
}
