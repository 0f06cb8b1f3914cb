//! Prints the output: text for people, in colours if the terminal supports them, or JSON for programs.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use hookwire::provider::Scheme;
use serde_json::Value;

use super::failure::Failure;

/// The format of the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DIM: Style = AnsiColor::BrightBlack.on_default();

/// Prints a line. If the reader has closed the pipe (`| head`), the program ends, as other programs do.
pub(crate) fn print(line: impl Display) {
    match writeln!(anstream::stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => anstream::eprintln!("standard output: {error}"),
        Ok(()) => {}
    }
}

/// Returns a text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints the document for programs, or the text for people.
    pub(crate) fn say(self, document: &Value, text: impl Display) {
        if self.json { print(document) } else { print(text) }
    }

    /// Prints a remark for people to standard error, because programs read only standard output.
    pub(crate) fn remark(self, text: impl Display) {
        anstream::eprintln!("{}", styled(DIM, text));
    }

    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "error": failure.to_string() }));
        } else {
            anstream::eprintln!("{} {failure}", styled(BAD, "error:"));
        }
    }

    /// Prints a table: the members of each document, in columns.
    pub(crate) fn table(self, columns: &[&str], rows: &[Value]) {
        if self.json {
            return rows.iter().for_each(print);
        }
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(columns.iter().map(|column| column.to_uppercase()));
        for row in rows {
            table.add_row(columns.iter().map(|column| cell(row.get(*column))));
        }
        print(table);
    }

    pub(crate) fn providers(self) {
        let row = |scheme: &Scheme| {
            let settings: Vec<_> = scheme.known_settings().iter().filter(|it| it.required).map(|it| it.name).collect();
            serde_json::json!({ "provider": scheme.name(), "settings": settings, "documentation": scheme.docs() })
        };
        self.table(&["provider", "settings", "documentation"], &Scheme::all().map(row).collect::<Vec<_>>());
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}
