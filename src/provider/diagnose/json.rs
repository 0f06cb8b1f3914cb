//! Bodies that were parsed and written again: the forms in which the sender may have written them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::order::{nth, orders_of};

/// Longest body that is written again, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Deepest nesting that is written again.
const MAX_DEPTH: usize = 64;

/// Maximum number of orders of keys that are tried.
const MAX_ORDERS: usize = 720;

/// A JSON value, with its texts and numbers as received, and its keys in the order received.
enum Node {
    /// A number, a truth value or `null`, as received.
    Raw(String),
    /// A text with its quotes and escapes, as received.
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// How a JSON value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    comma: &'static str,
    colon: &'static str,
    indent: Option<&'static str>,
    /// The space inside brackets that are not empty.
    pad: &'static str,
    end: &'static str,
    escapes: Escapes,
    numbers: Numbers,
}

/// Which characters are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    AsReceived,
    /// Those that must be (JavaScript, Rust).
    Few,
    /// All beyond ASCII (Python, Ruby on Rails for some).
    Ascii,
    /// The same, with digits in upper case (.NET, Java).
    AsciiUpper,
    /// All beyond ASCII, and the slash (PHP).
    AsciiAndSlash,
    /// The slash.
    Slash,
    /// Those that HTML needs (Go).
    Html,
    /// Those that HTML needs, and all beyond ASCII.
    HtmlAscii,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numbers {
    AsReceived,
    /// `1` for `1.0`.
    WithoutFraction,
    /// `1.0` for `1`.
    WithFraction,
    /// `1.50` for `1.5`.
    TwoDigits,
    /// `1.00` for `1`.
    WithTwoDigits,
    /// `1.5` for `1.50`.
    Shortest,
}

const COMPACT: Style = Style {
    comma: ",",
    colon: ":",
    indent: None,
    pad: "",
    end: "",
    escapes: Escapes::AsReceived,
    numbers: Numbers::AsReceived,
};

const SPACES: [Style; 12] = [
    COMPACT,
    Style { comma: ", ", colon: ": ", ..COMPACT },
    Style { colon: ": ", ..COMPACT },
    Style { comma: ", ", ..COMPACT },
    Style { comma: ", ", colon: ": ", pad: " ", ..COMPACT },
    Style { end: "\n", ..COMPACT },
    Style { comma: ", ", colon: ": ", end: "\n", ..COMPACT },
    Style { colon: ": ", indent: Some("  "), ..COMPACT },
    Style { colon: ": ", indent: Some("    "), ..COMPACT },
    Style { colon: ": ", indent: Some("\t"), ..COMPACT },
    Style { colon: ": ", indent: Some("  "), end: "\n", ..COMPACT },
    Style { colon: ": ", indent: Some("    "), end: "\n", ..COMPACT },
];

const ESCAPES: [Escapes; 8] = [
    Escapes::AsReceived,
    Escapes::Few,
    Escapes::Ascii,
    Escapes::AsciiAndSlash,
    Escapes::Slash,
    Escapes::Html,
    Escapes::AsciiUpper,
    Escapes::HtmlAscii,
];

const NUMBERS: [Numbers; 6] = [
    Numbers::AsReceived,
    Numbers::WithoutFraction,
    Numbers::WithFraction,
    Numbers::TwoDigits,
    Numbers::WithTwoDigits,
    Numbers::Shortest,
];

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    let body = case.received.body;
    // Reading and writing JSON costs several times as much as hashing it.
    let most = MAX_BYTES.min(case.left.get() / 16);
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= most)?;
    let node = Node::read(text, 0).filter(|node| !matches!(node, Node::Raw(_)))?;
    let mut written = String::new();
    let mut fits = |node: &Node, style: Style| {
        written.clear();
        node.write(style, 0, &mut written);
        written.push_str(style.end);
        written.as_bytes() != body && case.fits(Try { body: Some(written.as_bytes()), ..Try::default() })
    };
    let styles = || {
        let of = |spaces: Style| ESCAPES.map(|escapes| Style { escapes, ..spaces });
        SPACES.into_iter().flat_map(of).flat_map(|style| NUMBERS.map(|numbers| Style { numbers, ..style }))
    };
    // Styles that change only one thing come first.
    let (simple, rest): (Vec<_>, Vec<_>) = styles().partition(|style| style.changes() <= 1);
    if let Some(style) = simple.into_iter().chain(rest).find(|style| fits(&node, *style)) {
        return Some(Diagnosis::proved(style.cause(&node, text)));
    }
    let mut usual = |node: &Node| SPACES.into_iter().take(2).any(|style| fits(node, style));
    if single_numbers(&node).any(|node| usual(&node)) {
        return Some(Diagnosis::proved(Cause::JsonNumbers));
    }
    orders(&node).any(|node| usual(&node)).then(|| Diagnosis::proved(Cause::JsonOrder))
}

/// The fields of a JSON object whose values are all texts, numbers or truth values, as texts.
pub(super) fn texts(body: &[u8]) -> Option<Vec<(String, String)>> {
    let Node::Object(fields) = Node::read(std::str::from_utf8(body).ok()?, 0)? else { return None };
    let text = |(name, node): (String, Node)| match node {
        Node::Text(text) => Some((name, serde_json::from_str(&text).ok()?)),
        Node::Raw(text) => Some((name, text)),
        Node::Array(_) | Node::Object(_) => None,
    };
    let named = |(name, node): (String, Node)| Some((serde_json::from_str(&name).ok()?, node));
    fields.into_iter().map(|field| named(field).and_then(text)).collect()
}

/// Whether all keys are sorted, and have so many possible orders that this is no accident.
pub(super) fn is_sorted(body: &[u8]) -> bool {
    let node =
        std::str::from_utf8(body).ok().filter(|text| text.len() <= MAX_BYTES / 4).and_then(|text| Node::read(text, 0));
    node.is_some_and(|node| node.sorted().is_some_and(|orders| orders > MAX_ORDERS))
}

impl Style {
    fn changes(self) -> usize {
        let spaces = usize::from((self.comma, self.colon, self.indent, self.pad, self.end) != (",", ":", None, "", ""));
        spaces + usize::from(self.escapes != Escapes::AsReceived) + usize::from(self.numbers != Numbers::AsReceived)
    }

    /// The kind of the change: numbers if they differ, spaces if only white space differs, and otherwise escapes.
    fn cause(self, node: &Node, received: &str) -> Cause {
        let mut plain = String::new();
        node.write(Style { numbers: Numbers::AsReceived, ..self }, 0, &mut plain);
        let mut written = String::new();
        node.write(self, 0, &mut written);
        if plain != written {
            return Cause::JsonNumbers;
        }
        let without_spaces = |text: &str| text.split_ascii_whitespace().collect::<String>();
        if without_spaces(&written) == without_spaces(received) { Cause::JsonSpaces } else { Cause::JsonEscapes }
    }
}

impl Node {
    fn read(text: &str, depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let text = text.trim_ascii();
        match text.as_bytes().first()? {
            b'{' => {
                let Pairs(pairs) = serde_json::from_str(text).ok()?;
                let pairs =
                    pairs.into_iter().map(|(key, raw)| Some((key.get().to_owned(), Self::read(raw.get(), depth + 1)?)));
                pairs.collect::<Option<_>>().map(Self::Object)
            }
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let items = items.into_iter().map(|raw| Self::read(raw.get(), depth + 1));
                items.collect::<Option<_>>().map(Self::Array)
            }
            b'"' => Some(Self::Text(text.to_owned())),
            _ => Some(Self::Raw(text.to_owned())),
        }
    }

    fn write(&self, style: Style, depth: usize, out: &mut String) {
        match self {
            Self::Raw(raw) => out.push_str(&style.numbers.of(raw)),
            Self::Text(text) => style.escapes.write(text, out),
            Self::Array(items) => {
                out.push('[');
                list(style, depth, items, out, |item, out| item.write(style, depth + 1, out));
                out.push(']');
            }
            Self::Object(pairs) => {
                out.push('{');
                list(style, depth, pairs, out, |(key, node), out| {
                    style.escapes.write(key, out);
                    out.push_str(style.colon);
                    node.write(style, depth + 1, out);
                });
                out.push('}');
            }
        }
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Raw(raw) if raw.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
    }

    fn each<'n>(&'n self, visit: &mut dyn FnMut(&'n Self)) {
        visit(self);
        match self {
            Self::Raw(_) | Self::Text(_) => {}
            Self::Array(items) => items.iter().for_each(|item| item.each(visit)),
            Self::Object(pairs) => pairs.iter().for_each(|(_, node)| node.each(visit)),
        }
    }

    /// The number of possible orders of the keys, if they are sorted.
    fn sorted(&self) -> Option<usize> {
        let (mut orders, mut sorted) = (1_usize, true);
        self.each(&mut |node| {
            if let Self::Object(pairs) = node {
                sorted &= pairs.is_sorted_by(|(one, _), (other, _)| one <= other);
                orders = orders.saturating_mul(orders_of(pairs.len()));
            }
        });
        sorted.then_some(orders)
    }

    /// A copy in which these functions determine the numbers and the orders of keys. They get the index of the number or of the
    /// object.
    fn with(
        &self,
        at: &mut At,
        number: &dyn Fn(usize, &str) -> String,
        order: &dyn Fn(usize, usize) -> Vec<usize>,
    ) -> Self {
        match self {
            Self::Raw(raw) if self.is_number() => {
                at.number += 1;
                Self::Raw(number(at.number - 1, raw))
            }
            Self::Raw(raw) => Self::Raw(raw.clone()),
            Self::Text(text) => Self::Text(text.clone()),
            Self::Array(items) => Self::Array(items.iter().map(|item| item.with(at, number, order)).collect()),
            Self::Object(pairs) => {
                at.object += 1;
                let order_of_this = order(at.object - 1, pairs.len());
                let mut made: Vec<_> =
                    pairs.iter().map(|(key, node)| Some((key.clone(), node.with(at, number, order)))).collect();
                let taken = order_of_this.into_iter().filter_map(|at| made.get_mut(at).and_then(Option::take));
                Self::Object(taken.collect())
            }
        }
    }
}

/// The indexes of the next number and of the next object.
#[derive(Default)]
struct At {
    number: usize,
    object: usize,
}

/// Copies in which one or several of the first numbers are written with a fraction or without one.
fn single_numbers(node: &Node) -> impl Iterator<Item = Node> {
    let mut count = 0_usize;
    node.each(&mut |node| count += usize::from(node.is_number()));
    let count = count.min(8);
    let sets = [Numbers::WithFraction, Numbers::WithTwoDigits, Numbers::TwoDigits, Numbers::WithoutFraction];
    sets.into_iter().flat_map(move |form| {
        (1..1_usize << count).map(move |set| {
            let number = |at: usize, raw: &str| if set >> at.min(63) & 1 == 1 { form.of(raw) } else { raw.to_owned() };
            node.with(&mut At::default(), &number, &|_, count| (0..count).collect())
        })
    })
}

/// Copies with the keys in other orders: in all objects if there are few orders, and otherwise in the outermost object.
fn orders(node: &Node) -> impl Iterator<Item = Node> {
    let mut counts = Vec::new();
    node.each(&mut |node| {
        if let Node::Object(pairs) = node {
            counts.push(pairs.len());
        }
    });
    let product = counts.iter().fold(1_usize, |all, count| all.saturating_mul(orders_of(*count)));
    if product > MAX_ORDERS {
        counts.truncate(1);
    }
    let all = counts.iter().fold(1_usize, |all, count| all.saturating_mul(orders_of(*count)));
    let all = if all > MAX_ORDERS { 0 } else { all };
    (1..all).map(move |number| {
        let order = |object: usize, count: usize| {
            let before = counts.iter().take(object).fold(1_usize, |all, count| all.saturating_mul(orders_of(*count)));
            match counts.get(object) {
                Some(_) => nth(count, number / before % orders_of(count)),
                None => (0..count).collect(),
            }
        };
        node.with(&mut At::default(), &|_, raw| raw.to_owned(), &order)
    })
}

fn list<T>(style: Style, depth: usize, items: &[T], out: &mut String, write: impl Fn(&T, &mut String)) {
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { style.comma } else { style.pad });
        line(style, depth + 1, out);
        write(item, out);
    }
    if !items.is_empty() {
        line(style, depth, out);
        out.push_str(style.pad);
    }
}

fn line(style: Style, depth: usize, out: &mut String) {
    if let Some(indent) = style.indent {
        out.push('\n');
        (0..depth).for_each(|_| out.push_str(indent));
    }
}

impl Escapes {
    /// Writes a text that has its quotes and escapes.
    fn write(self, raw: &str, out: &mut String) {
        let text = if self == Self::AsReceived { None } else { serde_json::from_str::<String>(raw).ok() };
        let Some(text) = text else { return out.push_str(raw) };
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '/' if matches!(self, Self::Slash | Self::AsciiAndSlash) => out.push_str("\\/"),
                letter if letter < ' ' || self.escapes(letter) => self.unit(letter, out),
                letter => out.push(letter),
            }
        }
        out.push('"');
    }

    fn escapes(self, letter: char) -> bool {
        let html = matches!(letter, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        match self {
            Self::AsReceived | Self::Few | Self::Slash => false,
            Self::Ascii | Self::AsciiUpper | Self::AsciiAndSlash => !letter.is_ascii(),
            Self::Html => html,
            Self::HtmlAscii => html || !letter.is_ascii(),
        }
    }

    fn unit(self, letter: char, out: &mut String) {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            let escape = if self == Self::AsciiUpper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            out.push_str(&escape);
        }
    }
}

impl Numbers {
    fn of(self, raw: &str) -> String {
        let is_number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        let plain = is_number && !raw.contains(['e', 'E']);
        let fraction = raw.split_once('.').map(|(_, fraction)| fraction);
        match (self, fraction) {
            (Self::AsReceived, _) => raw.to_owned(),
            (Self::WithFraction, None) if plain => format!("{raw}.0"),
            (Self::WithTwoDigits, None) if plain => format!("{raw}.00"),
            (Self::TwoDigits | Self::WithTwoDigits, Some(fraction)) if plain && fraction.len() == 1 => {
                format!("{raw}0")
            }
            (Self::WithoutFraction, Some(fraction)) if plain && fraction.bytes().all(|digit| digit == b'0') => {
                raw.split('.').next().unwrap_or(raw).to_owned()
            }
            (Self::Shortest, Some(_)) if plain => raw.trim_end_matches('0').trim_end_matches('.').to_owned(),
            _ => raw.to_owned(),
        }
    }
}

/// The members of an object in their order.
struct Pairs<'de>(Vec<(&'de RawValue, &'de RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
