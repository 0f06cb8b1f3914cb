//! Files must not import each other in a circle, because none of them could be read without the others.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, closing, is_word};

/// Circles between files, each as the list of its files.
pub fn circles(files: &[Source]) -> Vec<String> {
    let tree = Tree::new(files);
    let edges: Vec<BTreeSet<usize>> = (0..files.len()).map(|file| tree.imports(file)).collect();
    let reach: Vec<BTreeSet<usize>> = (0..files.len()).map(|file| reachable(&edges, file)).collect();
    let mut told = BTreeSet::new();
    let mut complaints = Vec::new();
    for file in 0..files.len() {
        let circle: Vec<usize> = reach[file].iter().copied().filter(|other| reach[*other].contains(&file)).collect();
        if circle.len() > 1 && told.insert(circle.clone()) {
            let names: Vec<_> = circle.iter().map(|file| files[*file].path.as_str()).collect();
            complaints.push(names.join(" <-> "));
        }
    }
    complaints
}

fn reachable(edges: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        next.extend(edges[file].iter().filter(|to| seen.insert(**to)));
    }
    seen
}

type Path = Vec<String>;

/// The module tree: which file a module is in, what it re-exports, and what it names.
struct Tree {
    modules: BTreeMap<Path, usize>,
    exports: BTreeMap<(Path, String), Path>,
    names: Vec<(Path, Vec<Path>)>,
}

impl Tree {
    fn new(files: &[Source]) -> Self {
        let modules = files.iter().enumerate().map(|(number, file)| (module_path(&file.path), number)).collect();
        let (mut exports, mut names) = (BTreeMap::new(), Vec::new());
        for file in files {
            let module = module_path(&file.path);
            let (uses, rest) = uses(&file.code);
            let (public, private): (Vec<_>, Vec<_>) = uses.into_iter().partition(|(public, _)| *public);
            for (_, path) in public {
                exports.insert((module.clone(), path.last().cloned().unwrap_or_default()), path);
            }
            names.push((module, private.into_iter().map(|(_, path)| path).chain(inline_paths(&rest)).collect()));
        }
        Self { modules, exports, names }
    }

    fn imports(&self, file: usize) -> BTreeSet<usize> {
        let (module, paths) = &self.names[file];
        paths.iter().filter_map(|path| self.resolve(module, path, 0)).filter(|to| *to != file).collect()
    }

    /// The file in which a path ends, re-exports followed.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<usize> {
        let (mut at, mut rest) = self.start(module, path)?;
        while let Some((head, tail)) = rest.split_first() {
            let child: Path = at.iter().chain([head]).cloned().collect();
            if self.modules.contains_key(&child) {
                (at, rest) = (child, tail);
                continue;
            }
            if let Some(target) = self.exports.get(&(at.clone(), head.clone())).filter(|_| depth < 8) {
                let target: Path = target.iter().chain(tail).cloned().collect();
                return self.resolve(&at, &target, depth + 1);
            }
            break;
        }
        self.modules.get(&at).copied()
    }

    /// Where a path begins, and what is left of it. `None` for a path into another crate.
    fn start<'a>(&self, module: &[String], mut path: &'a [String]) -> Option<(Path, &'a [String])> {
        let mut at = module.to_vec();
        match path.first()?.as_str() {
            "crate" => return Some((Path::new(), &path[1..])),
            "self" | "super" => {}
            child => {
                let child: Path = at.iter().cloned().chain([child.to_owned()]).collect();
                return self.modules.contains_key(&child).then_some((at, path));
            }
        }
        while let Some(head @ ("self" | "super")) = path.first().map(String::as_str) {
            if head == "super" {
                at.pop();
            }
            path = &path[1..];
        }
        Some((at, path))
    }
}

/// `sender/http/mod.rs` holds the module `sender::http`.
fn module_path(path: &str) -> Path {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The paths of all `use` lines, with whether they are public, and the code without these lines.
fn uses(code: &str) -> (Vec<(bool, Path)>, String) {
    let (mut found, mut kept) = (Vec::new(), String::new());
    for statement in code.split_inclusive(';') {
        let at = statement.match_indices("use ").map(|(at, _)| at).filter(|at| starts_a_line(statement, *at)).last();
        match at {
            Some(at) => {
                let line = statement[..at].rsplit('\n').next().unwrap_or_default();
                let tree = statement[at + "use ".len()..].trim_end_matches(';');
                let mut paths = Vec::new();
                flatten(&[], tree, &mut paths);
                found.extend(paths.into_iter().map(|path| (line.trim_start().starts_with("pub"), path)));
                kept.push_str(&statement[..at]);
            }
            None => kept.push_str(statement),
        }
    }
    (found, kept)
}

/// Whether nothing but a visibility is before it on its line.
fn starts_a_line(text: &str, at: usize) -> bool {
    let before = text[..at].rsplit('\n').next().unwrap_or_default().trim();
    before.is_empty() || (before.starts_with("pub") && !before.contains(['{', '=']))
}

/// `a::{b, c::d}` is `a::b` and `a::c::d`.
fn flatten(prefix: &[String], tree: &str, found: &mut Vec<Path>) {
    let tree = tree.trim();
    let segments = |text: &str| -> Vec<String> {
        let text = text.split(" as ").next().unwrap_or_default();
        text.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    let Some(open) = tree.find('{') else {
        let path: Path = prefix.iter().cloned().chain(segments(tree)).collect();
        found.extend((!path.is_empty()).then_some(path));
        return;
    };
    let prefix: Path = prefix.iter().cloned().chain(segments(&tree[..open])).collect();
    let group = &tree[open + 1..];
    let group = &group[..closing(group, '{', '}')];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            flatten(&prefix, &group[start..at], found);
            start = at + 1;
        }
    }
}

/// Paths that are written out where they are used: `super::pool::Idle`.
fn inline_paths(code: &str) -> Vec<Path> {
    let heads = ["crate::", "super::", "self::"];
    let begins = heads.iter().flat_map(|head| code.match_indices(head)).map(|(at, _)| at);
    let begins = begins.filter(|at| !code[..*at].ends_with(|c: char| is_word(c) || c == ':' || c == '$'));
    begins
        .map(|at| {
            let end = code[at..].find(|c: char| !is_word(c) && c != ':').map_or(code.len(), |length| at + length);
            code[at..end].split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
        })
        .collect()
}
