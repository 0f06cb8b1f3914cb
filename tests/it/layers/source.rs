//! Source files as the rules see them: without comments, the text of literals, and code that is compiled only for tests.

use std::fs;
use std::path::Path;

/// A file of `src/`.
pub struct Source {
    /// Relative to `src/`, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Comments, literals and `#[cfg(test)]` items blanked out; same line numbers.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into(), code: without_tests(&blank(text)) }
    }

    /// The module of `lib.rs` it belongs to; empty for `lib.rs`.
    pub fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first).trim_start_matches("lib")
    }

    /// How many `super`s lead to the root.
    pub fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// Lines that hold code.
    pub fn lines(&self) -> usize {
        self.code.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Lines that hold code or a comment, without tests.
    pub fn length(&self) -> usize {
        let is_production = |(text, code): &(&str, &str)| !code.trim().is_empty() || text.trim().starts_with("//");
        self.text.lines().zip(self.code.lines()).filter(is_production).count()
    }

    /// `src/retry/policy.rs:12`, for a byte of `code`.
    pub fn place(&self, at: usize) -> String {
        format!("src/{}:{}", self.path, self.code[..at].matches('\n').count() + 1)
    }

    /// Where `word` stands as a whole word.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let before = self.code[..*at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            let longer = before.is_some_and(is_word) || (word.ends_with(is_word) && after.is_some_and(is_word));
            !longer
        })
    }

    /// Attributes: where each begins, what is between its brackets, and what follows it.
    pub fn attributes(&self) -> Vec<(usize, &str, &str)> {
        let begins = self.code.match_indices("#[").map(|(at, _)| (at, at + 2));
        let inner = self.code.match_indices("#![").map(|(at, _)| (at, at + 3));
        begins
            .chain(inner)
            .map(|(at, open)| {
                let end = open + closing(&self.code[open..], '[', ']');
                (at, &self.code[open..end], &self.code[end + 1..])
            })
            .collect()
    }
}

pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every `.rs` file below `src/`, sorted.
pub fn crate_sources() -> Vec<Source> {
    let root = hookwire_tests::root().join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Where the bracket closes that was opened just before `text`; the end of the text when it does not.
pub fn closing(text: &str, open: char, close: char) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        depth += i32::from(c == open) - i32::from(c == close);
        if depth == 0 {
            return at;
        }
    }
    text.len().saturating_sub(1)
}

/// The text with comments and the insides of literals turned into spaces, byte for byte.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (kept, hidden) = token(rest, out.chars().next_back());
        out.push_str(&rest[..kept]);
        out.extend(rest[kept..kept + hidden].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        rest = &rest[kept + hidden..];
    }
    out
}

/// How many bytes of `rest` to keep, and how many after them to hide.
fn token(rest: &str, before: Option<char>) -> (usize, usize) {
    let first = rest.chars().next().unwrap();
    if rest.starts_with("//") {
        return (0, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (0, block_comment(rest));
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).filter(|_| !before.is_some_and(is_word));
    if let Some((raw, length)) = raw.and_then(|raw| Some((raw, raw_string(raw)?))) {
        return (0, rest.len() - raw.len() + length);
    }
    match first {
        '"' => (0, quoted(rest, '"')),
        '\'' if is_char_literal(rest) => (0, quoted(rest, '\'')),
        other => (other.len_utf8(), 0),
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += step.0;
        at += step.1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of `#"…"#` or `"…"`, the text that follows an `r`.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &text[..hashes]);
    Some(hashes + 1 + body.find(&end)? + end.len())
}

/// The length of a quoted text whose first character is the quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        _ => chars.next() == Some('\''),
    }
}

/// Blanks every item behind a `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    while let Some(at) = out.find(MARK) {
        let body = at + MARK.len();
        let end = match out[body..].find(['{', ';']).map(|first| body + first) {
            Some(open) if out[open..].starts_with('{') => open + 1 + closing(&out[open + 1..], '{', '}') + 1,
            Some(end) => end + 1,
            None => out.len(),
        };
        let hidden: String = out[at..end].bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
        out.replace_range(at..end, &hidden);
    }
    out
}
