//! Escapes every text that a page shows: markup becomes text, and invisible characters become visible.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// Escapes HTML, and shows control characters and direction marks as codes. A stranger can put such a mark into a URL, a label or a payload
/// to make a text look like a different text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.write_escaped_char(&mut to, c))
    }

    fn write_escaped_char<W: Write>(&self, mut to: W, c: char) -> fmt::Result {
        match c {
            '&' => to.write_str("&amp;"),
            '<' => to.write_str("&lt;"),
            '>' => to.write_str("&gt;"),
            '"' => to.write_str("&quot;"),
            '\'' => to.write_str("&#39;"),
            c if is_hidden(c) => write!(to, "\u{27e8}U+{:04X}\u{27e9}", u32::from(c)),
            c => to.write_char(c),
        }
    }
}

/// Control characters, direction marks, and characters without width.
pub(super) const fn is_hidden(c: char) -> bool {
    !matches!(c, '\n' | '\t')
        && matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Escapes HTML and nothing else, for a text that a form sends back unchanged. A template must take it as safe.
pub(super) fn for_form(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut shown = String::new();
        Visible.write_escaped_str(&mut shown, text).unwrap();
        shown
    }

    #[test]
    fn markup_is_text_and_hidden_characters_are_visible() {
        assert_eq!(shown("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
        assert_eq!(shown("a\u{202e}b\0\u{200b}"), "a⟨U+202E⟩b⟨U+0000⟩⟨U+200B⟩");
        assert_eq!(shown("line\n\tnext: ä → 日本"), "line\n\tnext: ä → 日本");
    }
}
