//! Lays out JSON for reading. Numbers and texts stay as they are written, so that no digit is lost.

use serde::de::IgnoredAny;

const INDENT: &str = "  ";

/// The deepest level that is indented further, and the longest text in bytes: a hostile payload could otherwise become many times longer.
const MAX_INDENT: usize = 32;
const MAX_BYTES: usize = 1 << 20;

/// The same JSON with one member or element on each line. `None` if the text is not JSON, or would become longer than a megabyte.
pub(super) fn laid_out(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut layout = Layout { to: String::with_capacity(text.len() * 2), depth: 0 };
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if layout.to.len() > MAX_BYTES {
            return None;
        }
        match c {
            '"' => {
                layout.to.push(c);
                layout.rest_of_string(&mut rest);
            }
            '{' | '[' => {
                while rest.next_if(char::is_ascii_whitespace).is_some() {}
                layout.to.push(c);
                match rest.next_if(|c| matches!(c, '}' | ']')) {
                    Some(end) => layout.to.push(end),
                    None => layout.line(1),
                }
            }
            '}' | ']' => {
                layout.line(-1);
                layout.to.push(c);
            }
            ',' => {
                layout.to.push(c);
                layout.line(0);
            }
            ':' => layout.to.push_str(": "),
            c if c.is_ascii_whitespace() => {}
            c => layout.to.push(c),
        }
    }
    Some(layout.to)
}

struct Layout {
    to: String,
    depth: usize,
}

impl Layout {
    /// Begins a line that is deeper by `change`.
    fn line(&mut self, change: isize) {
        self.depth = self.depth.saturating_add_signed(change);
        self.to.push('\n');
        (0..self.depth.min(MAX_INDENT)).for_each(|_| self.to.push_str(INDENT));
    }

    fn rest_of_string(&mut self, rest: &mut impl Iterator<Item = char>) {
        while let Some(c) = rest.next() {
            self.to.push(c);
            match c {
                '"' => break,
                '\\' => self.to.extend(rest.next()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_member_has_a_line_and_numbers_keep_their_digits() {
        let text = r#"{"id":12345678901234567890123,"a" : [ 1.10,{ } ,[]],"text":"a,{\"b\":[1]}"}"#;
        let expected = "{\n  \"id\": 12345678901234567890123,\n  \"a\": [\n    1.10,\n    {},\n    []\n  ],\n  \"text\": \"a,{\\\"b\\\":[1]}\"\n}";
        assert_eq!(laid_out(text).as_deref(), Some(expected));
    }

    #[test]
    fn a_text_that_is_not_json_is_left_alone() {
        assert_eq!(laid_out("{\"a\":"), None);
        assert_eq!(laid_out("a=1&b=2"), None);
    }

    #[test]
    fn deep_nesting_does_not_multiply_the_length() {
        let text = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(laid_out(&text).unwrap().len() < 100 * 2 * 80);
        assert_eq!(laid_out(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), None);
    }
}
