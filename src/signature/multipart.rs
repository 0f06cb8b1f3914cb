//! Fields of multipart forms (RFC 7578).

use crate::work;

/// Maximum number of parts of a form. A form with more parts is rejected, because another parser could find a second value in the
/// others.
const MAX_PARTS: usize = 256;

/// Longest boundary (RFC 2046 section 5.1.1).
const MAX_BOUNDARY: usize = 70;

/// Maximum number of headers of one part, and of parameters of one header.
const MAX_HEADERS: usize = 16;

/// The first two values of each of these fields; the second one only shows that there are two. `None` if the body is not a complete
/// multipart form. Files are ignored.
pub(crate) fn values(body: &[u8], names: &[&str]) -> Option<Vec<Vec<String>>> {
    let boundary = boundary(body)?;
    work::spent(body.len());
    let delimiter = [b"\r\n--", boundary].concat();
    let mut all = vec![Vec::new(); names.len()];
    let mut rest = body.strip_prefix(b"--")?.strip_prefix(boundary)?;
    for _ in 0..=MAX_PARTS {
        if rest.starts_with(b"--") {
            return Some(all);
        }
        let (part, after) = split(after_line_break(rest)?, &delimiter)?;
        let part = Part::parse(part)?;
        let slot = names.iter().position(|name| part.name.as_deref() == Some(name));
        if let Some(values) = slot.and_then(|slot| all.get_mut(slot)).filter(|values| !part.is_file && values.len() < 2)
        {
            values.push(part.text()?);
        }
        rest = after;
    }
    None
}

/// The boundary is the first line without its two dashes, because providers send nothing before it.
fn boundary(body: &[u8]) -> Option<&[u8]> {
    let rest = body.strip_prefix(b"--")?;
    let end = rest.iter().take(MAX_BOUNDARY + 2).position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = rest.get(..end)?.trim_ascii_end();
    ((1..=MAX_BOUNDARY).contains(&line.len()) && line.iter().all(|byte| matches!(byte, b' '..=b'~'))).then_some(line)
}

/// The text after the line break that follows a delimiter. White space before the line break is padding that some senders add.
fn after_line_break(rest: &[u8]) -> Option<&[u8]> {
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest.get(padding..)?.strip_prefix(b"\r\n")
}

/// The text before and after the first `mark`.
fn split<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

/// One part of a form.
struct Part<'a> {
    name: Option<String>,
    is_file: bool,
    charset: Option<String>,
    content: &'a [u8],
}

impl<'a> Part<'a> {
    fn parse(part: &'a [u8]) -> Option<Self> {
        // Some parsers reject a part without headers.
        let (head, content) = split(part, b"\r\n\r\n").filter(|_| !part.starts_with(b"\r\n"))?;
        let mut parsed = Self { name: None, is_file: false, charset: None, content };
        let head = std::str::from_utf8(head).ok()?;
        let (mut has_disposition, mut has_type) = (false, false);
        for (number, line) in head.split("\r\n").filter(|line| !line.is_empty()).enumerate() {
            let (name, value) = line.split_once(':')?;
            if number >= MAX_HEADERS || !is_token(name) || value.contains(char::is_control) {
                return None;
            }
            // If a header occurs twice, two parsers could read different values.
            if name.eq_ignore_ascii_case("content-disposition") && !std::mem::replace(&mut has_disposition, true) {
                parsed.read_disposition(value)?;
            } else if name.eq_ignore_ascii_case("content-type") && !std::mem::replace(&mut has_type, true) {
                parsed.read_type(value)?;
            } else if ["content-disposition", "content-type"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
                return None;
            }
        }
        Some(parsed)
    }

    fn read_disposition(&mut self, value: &str) -> Option<()> {
        let (kind, parameters) = parameters(value)?;
        if !kind.eq_ignore_ascii_case("form-data") {
            return None;
        }
        for (name, value) in parameters {
            match name {
                "name" => self.name = Some(value),
                "filename" | "filename*" => self.is_file = true,
                // Some parsers recognise these names in lower case only.
                _ if ["name", "filename", "filename*"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
                    return None;
                }
                _ => {}
            }
        }
        Some(())
    }

    fn read_type(&mut self, value: &str) -> Option<()> {
        let (kind, parameters) = parameters(value)?;
        let (kind, subtype) = kind.split_once('/')?;
        let charset = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("charset"));
        self.charset = charset.map(|(_, value)| value);
        (is_token(kind) && is_token(subtype)).then_some(())
    }

    /// The content as text. A byte order mark is kept: some parsers keep it and others remove it, so they would read different
    /// values.
    fn text(&self) -> Option<String> {
        let is = |name: &str| self.charset.as_ref().is_none_or(|charset| charset.eq_ignore_ascii_case(name));
        if is("utf-8") || is("us-ascii") && self.content.is_ascii() {
            return Some(String::from_utf8_lossy(self.content).into_owned());
        }
        // Some parsers read ISO 8859-1 as Windows-1252, which has other characters in place of its control characters.
        let is_plain = self.content.iter().all(|byte| !(0x80..0xa0).contains(byte));
        (is("iso-8859-1") && is_plain).then(|| self.content.iter().copied().map(char::from).collect())
    }
}

/// Whether this is a token (RFC 9110 section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// The value of a header without its parameters, and the parameters. `None` if a parameter is malformed or occurs twice.
fn parameters(value: &str) -> Option<(&str, Vec<(&str, String)>)> {
    let (kind, mut rest) = value.split_once(';').unwrap_or((value, ""));
    let mut found: Vec<(&str, String)> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if rest.is_empty() {
            return Some((kind.trim(), found));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
                (Some(value.trim_end()).filter(|value| is_token(value))?.to_owned(), after)
            }
        };
        let follows = after.trim_start_matches([' ', '\t']);
        let is_sound = is_token(name) && (follows.is_empty() || follows.starts_with(';'));
        if !is_sound || found.len() >= MAX_HEADERS || found.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return None;
        }
        found.push((name, value));
        rest = follows.strip_prefix(';').unwrap_or(follows);
    }
}

/// The text up to the closing quote, and the text after the quote. A backslash escapes only a quote, because senders escape nothing
/// else.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        match before.strip_suffix('\\') {
            Some(before) => value.extend([before, "\""]),
            None => {
                value.push_str(before);
                return Some((value, after));
            }
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const FORM: &[u8] = b"--x1\r\ncontent-disposition: form-data; name=\"token\"\r\n\r\nabc\r\n--x1\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\n--x\r\n\r\n--x1\r\n\
        Content-Disposition: form-data; name=\"time\"\r\n\r\n1700000000\r\n--x1--\r\n";

    #[test]
    fn fields_are_found_and_files_are_none() {
        for (name, values_of) in [("token", &["abc"][..]), ("time", &["1700000000"]), ("file", &[]), ("other", &[])] {
            assert_eq!(values(FORM, &["none", name]).unwrap(), [&[][..], values_of], "{name}");
        }
        let twice = [&FORM[..FORM.len() - 8], FORM].concat();
        assert_eq!(values(&twice, &["token"]).unwrap()[0].len(), 2);
    }

    #[test]
    fn a_byte_order_mark_stays_and_another_charset_is_read() {
        let form = |kind: &str, value: &[u8]| {
            let head = format!("--x1\r\nContent-Disposition: form-data; name=\"token\"\r\n{kind}\r\n");
            values(&[head.as_bytes(), value, b"\r\n--x1--\r\n"].concat(), &["token"]).map(|mut found| found.remove(0))
        };
        let found = |text: &str| Some(vec![text.to_owned()]);
        assert_eq!(form("", "\u{feff}a".as_bytes()), found("\u{feff}a"));
        assert_eq!(form("Content-Type: text/plain; charset=UTF-8\r\n", "\u{feff}a".as_bytes()), found("\u{feff}a"));
        assert_eq!(form("", b"\xff\xfea\0"), found("\u{fffd}\u{fffd}a\0"));
        assert_eq!(form("Content-Type: text/plain; charset=\"iso-8859-1\"\r\n", b"\xe9"), found("\u{e9}"));
        assert_eq!(form("Content-Type: text/plain; charset=iso-8859-1\r\n", b"\x80"), None);
        assert_eq!(form("Content-Type: text/plain; charset=utf-16\r\n", b"a\0"), None);
    }

    #[test]
    fn a_body_that_is_not_a_whole_form_holds_nothing() {
        for body in [&b""[..], b"{}", b"--", b"--\r\n", b"--x", &[b'-'; 100], b"--x\r\n", b"--x\r\n\r\n"] {
            assert_eq!(values(body, &["token"]), None);
        }
        for end in 0..FORM.len() - 4 {
            assert_eq!(values(&FORM[..end], &["time"]), None, "broken off at {end}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_rejected() {
        let form = |head: &str| values(format!("--x1\r\n{head}\r\n\r\nabc\r\n--x1--\r\n").as_bytes(), &["token"]);
        let found = |count| Some(vec![vec!["abc".to_owned(); count]]);
        for (head, expected) in [
            ("Content-Disposition: form-data; name=token", found(1)),
            ("content-disposition:form-data;name=\"token\" ; x=\"a;b\"", found(1)),
            ("Content-Disposition: form-data; name=\"token\"; filename*=UTF-8''a", found(0)),
            ("Content-Disposition: form-data; name=\"a\\\"; name=\\\"token\"", found(0)),
            ("Content-Disposition: attachment; name=\"token\"", None),
            ("X: y", found(0)),
            ("Content-Disposition: form-data; name=\"a\"; name=\"token\"", None),
            ("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"token\"", None),
            ("Content-Disposition: form-data; NAME=\"token\"", None),
            ("Content-Disposition: form-data;\r\n name=\"token\"", None),
            ("Content-Disposition : form-data; name=\"token\"", None),
            ("Content-Disposition: form-data; name=\"token", None),
            ("Content-Disposition: form-data; name=\"token\"x", None),
            ("Content-Disposition: form-data; name=\"token\"\n\n", None),
        ] {
            assert_eq!(form(head), expected, "{head}");
        }
        let part = "--x1\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n";
        assert!(values(format!("{}--x1--", part.repeat(MAX_PARTS)).as_bytes(), &["a"]).is_some());
        assert_eq!(values(format!("{}--x1--", part.repeat(MAX_PARTS + 1)).as_bytes(), &["a"]), None);
    }

    /// The values of the field, as the crate `multer` reads them; `None` if it fails. Files do not count.
    fn by_multer(body: &[u8], name: &str) -> Option<Vec<String>> {
        let boundary = String::from_utf8(boundary(body)?.to_vec()).ok()?;
        let whole = Bytes::copy_from_slice(body);
        let stream = futures_util::stream::once(std::future::ready(Ok::<_, Infallible>(whole)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut form, mut values) = (multer::Multipart::new(stream, boundary), Vec::new());
            while let Some(field) = form.next_field().await.ok()? {
                if field.name() == Some(name) && field.file_name().is_none() {
                    values.push(field.text().await.ok()?);
                }
            }
            Some(values)
        })
    }

    fn part() -> impl Strategy<Value = String> {
        let disposition = prop_oneof![
            6 => r#"Content-Disposition: form-data; name="(token|a)"(; filename="[a-z.]{0,3}")?"#,
            2 => r#"content-disposition:[ ]?form-data;[ ]?name=(token|a|"to\\\\"ken")[ ]?(; ?x="?[;a]?"?)?"#,
            1 => r#"[Xx]: [ -~]{0,6}"#,
        ];
        let content_type = r"(\r\nContent-Type: text/plain(; ?charset=(utf-8|iso-8859-1|us-ascii))?)?";
        (disposition, content_type, "[ -~\r\n\u{e9}]{0,12}")
            .prop_map(|(disposition, content_type, content)| format!("{disposition}{content_type}\r\n\r\n{content}"))
    }

    /// A form, in which one place may have been overwritten.
    fn form() -> impl Strategy<Value = Vec<u8>> {
        let edit = prop::option::of((any::<prop::sample::Index>(), "[\r\n\"\\\\;:=-]{0,2}"));
        ("[a-z-]{1,4}", prop::collection::vec(part(), 0..4), edit).prop_map(|(boundary, parts, edit)| {
            let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
            let mut form = format!("{parts}--{boundary}--\r\n").into_bytes();
            if let Some((place, text)) = edit {
                let at = place.index(form.len());
                form.splice(at..=at, text.bytes());
            }
            form
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_read_is_what_multer_reads(form in form()) {
            if let Some(mut ours) = values(&form, &["token"]) {
                let theirs = by_multer(&form, "token").map(|all| all.into_iter().take(2).collect::<Vec<_>>());
                prop_assert_eq!(Some(ours.remove(0)), theirs, "{}", String::from_utf8_lossy(&form));
            }
        }
    }
}
