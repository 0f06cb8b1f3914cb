//! The crate without features uses no runtime, no thread, no socket, no clock and no random bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::source::Source;

const WORLD: [&str; 10] = [
    "tokio::",
    "std::thread",
    "std::net::",
    "std::fs",
    "std::env",
    "SystemTime::now",
    "Instant::now",
    "getrandom::",
    "RandomState",
    "crate::entropy",
];

/// Packages that are or need a part of the world.
const PACKAGES: [&str; 10] =
    ["fastrand", "getrandom", "hyper", "js-sys", "mio", "rand", "socket2", "tokio", "wasm-bindgen", "web-time"];

/// What the files that are compiled without features ask for.
pub fn asking(files: &[Source]) -> Vec<String> {
    let by_path: BTreeMap<_, _> = files.iter().map(|file| (&*file.path, file)).collect();
    let mut core = BTreeSet::new();
    let mut left = vec!["lib.rs".to_owned()];
    while let Some(path) = left.pop() {
        let Some(file) = by_path.get(&*path).filter(|_| core.insert(path.clone())) else { continue };
        left.extend(modules(file));
    }
    // Their modules follow from a macro.
    core.extend(by_path.keys().filter(|path| path.starts_with("provider/known/")).map(|path| (*path).to_owned()));
    let asks =
        |file: &Source| WORLD.iter().flat_map(|word| file.words(word)).map(|at| file.place(at)).collect::<Vec<_>>();
    let mut complaints: Vec<_> =
        core.iter().filter_map(|path| by_path.get(&**path)).flat_map(|file| asks(file)).collect();
    if files.len() > 30 && core.len() < 100 {
        complaints.push(format!("only {} files were found", core.len()));
    }
    complaints
}

/// The files of the modules that a file declares for every set of features; both of the possible ones.
fn modules(file: &Source) -> Vec<String> {
    let folder = match file.path.rsplit_once('/') {
        _ if file.path == "lib.rs" => String::new(),
        Some((folder, "mod.rs")) => format!("{folder}/"),
        _ => format!("{}/", file.path.trim_end_matches(".rs")),
    };
    let mut found = Vec::new();
    let mut attributes = String::new();
    for line in file.text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let item = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        if let Some(name) = item.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            let switched =
                attributes.contains("cfg(") && !attributes.contains("cfg(not(") && attributes.contains("feature");
            let other = attributes.split_once("path = \"").and_then(|(_, rest)| rest.split('"').next());
            match (switched, other) {
                (true, _) => {}
                (false, Some(other)) => found.push(format!("{folder}{other}")),
                (false, None) => found.extend([format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")]),
            }
            attributes.clear();
        } else if line.ends_with([';', '}']) || line.is_empty() {
            attributes.clear();
        } else {
            attributes.push_str(line);
        }
    }
    found
}

/// The packages of the crate without features that ask for what it must not.
pub fn packages() -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["tree", "--package", "hookwire", "--no-default-features", "--edges", "normal", "--prefix", "none"];
    let output = Command::new(cargo).args(arguments).current_dir(hookwire_tests::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("sha2") && names.len() < 60, "{names:?}");
    names.iter().filter(|name| PACKAGES.contains(name)).map(|name| (*name).to_owned()).collect()
}
