//! Reads requests from curl commands.

use std::path::Path;

use bytes::Bytes;
use http::Request;

use super::Captured;

/// Options whose values do not matter here.
const IGNORED: [&str; 14] = [
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--cacert",
    "-E",
    "--cert",
    "--key",
    "-x",
    "--proxy",
];

/// Reads a command as a POSIX shell would split it.
pub(super) fn read(command: &str, folder: &Path) -> Result<Captured, String> {
    let words = split(command)?;
    let mut words = words.into_iter().skip_while(|word| word == "$").skip(1);
    let (mut method, mut url, mut headers) = (None, None, Vec::new());
    let mut body: Vec<u8> = Vec::new();
    let mut has_body = false;
    while let Some(word) = words.next() {
        let (option, attached) = parted(&word);
        let mut value =
            || attached.clone().or_else(|| words.next()).ok_or_else(|| format!("{option}: its value is missing"));
        match option.as_str() {
            "-X" | "--request" => method = Some(value()?),
            "-H" | "--header" => headers.push(header(&value()?)?),
            "-A" | "--user-agent" => headers.push(("user-agent".into(), value()?)),
            "-b" | "--cookie" => headers.push(("cookie".into(), value()?)),
            "--url" => url = Some(value()?),
            "-d" | "--data" | "--data-ascii" | "--data-raw" | "--data-binary" | "--json" => {
                let data = data(&option, &value()?, folder)?;
                if has_body && option != "--json" {
                    body.push(b'&');
                }
                body.extend(data);
                has_body = true;
                if option == "--json" {
                    headers.push(("content-type".into(), "application/json".into()));
                }
            }
            option if IGNORED.contains(&option) => drop(value()?),
            "-G" | "--get" | "-F" | "--form" | "-T" | "--upload-file" | "-u" | "--user" | "--data-urlencode" => {
                return Err(format!("{option}: is not supported; use a raw request instead"));
            }
            option if option.starts_with('-') && option.len() > 1 => {}
            _ => url = Some(word),
        }
    }
    let url = url.ok_or("the curl command has no URL")?;
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    let method = method.unwrap_or_else(|| if has_body { "POST".into() } else { "GET".into() });
    let mut request = Request::builder().method(method.as_str()).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Bytes::from(body)).map_err(|error| format!("the curl command is invalid: {error}"))?;
    Ok(Captured { request, received_at: None })
}

/// Splits an option from the value that is attached to it: `-XPOST`, `--request=POST`.
fn parted(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((option, value)) if option.starts_with("--") => (option.into(), Some(value.into())),
        _ => match word.split_at_checked(2) {
            Some((option @ ("-X" | "-H" | "-d" | "-A" | "-b"), value)) if !value.is_empty() => {
                (option.into(), Some(value.into()))
            }
            _ => (word.into(), None),
        },
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("-H {text}: write `Name: value`"))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().into()))
}

/// Returns the data of an option. After `@`, the data is read from a file, of which only `--data-binary` and `--json` keep the line breaks.
fn data(option: &str, value: &str, folder: &Path) -> Result<Vec<u8>, String> {
    let Some(file) = value.strip_prefix('@').filter(|_| option != "--data-raw") else { return Ok(value.into()) };
    let read = std::fs::read(folder.join(file)).map_err(|error| format!("{option} @{file}: {error}"))?;
    if matches!(option, "--data-binary" | "--json") {
        return Ok(read);
    }
    Ok(read.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect())
}

/// Splits a command into words, with quotes, escapes and `$'...'`.
fn split(command: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => word.get_or_insert_default().push_str(&until(&mut letters, '\'', false)?),
            '"' => word.get_or_insert_default().push_str(&until(&mut letters, '"', true)?),
            '$' if letters.peek() == Some(&'\'') => {
                letters.next();
                word.get_or_insert_default().push_str(&ansi(&mut letters)?);
            }
            '\\' => match letters.next() {
                Some('\n') | None => {}
                Some('\r') => drop(letters.next_if_eq(&'\n')),
                Some(next) => word.get_or_insert_default().push(next),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn until(letters: &mut impl Iterator<Item = char>, end: char, escapes: bool) -> Result<String, String> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter == end => return Ok(text),
            '\\' if escapes => match letters.next() {
                Some('\n') | None => {}
                Some(next @ ('"' | '\\' | '$' | '`')) => text.push(next),
                Some(next) => text.extend(['\\', next]),
            },
            letter => text.push(letter),
        }
    }
    Err(format!("the curl command has an unclosed {end}"))
}

/// Reads a string of the form `$'...'` after its first quote.
fn ansi(letters: &mut impl Iterator<Item = char>) -> Result<String, String> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => return Ok(text),
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('u') => text.extend(code(letters, 4)),
                Some('x') => text.extend(code(letters, 2)),
                Some(next) => text.push(next),
                None => break,
            },
            letter => text.push(letter),
        }
    }
    Err("the curl command has an unclosed $'".into())
}

fn code(letters: &mut impl Iterator<Item = char>, digits: usize) -> Option<char> {
    let digits: String = letters.take(digits).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_a_shell_splits_it() {
        let command = "curl -XPOST 'https://a.example/h?x=1' \\\n  -H 'X-Sig: t=1,v1=ab' --compressed \\\n --data-raw $'{\"a\":\"it\\'s\"}'";
        let request = read(command, Path::new(".")).unwrap().request;
        assert_eq!(request.method(), "POST");
        assert_eq!(request.headers()["x-sig"], "t=1,v1=ab");
        assert_eq!(&**request.body(), br#"{"a":"it's"}"#);
        assert_eq!(request.uri().query(), Some("x=1"));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_remedy() {
        assert!(read("curl -F a=b http://a", Path::new(".")).unwrap_err().contains("raw request"));
        assert!(read("curl -d 'a", Path::new(".")).unwrap_err().contains("unclosed"));
        assert!(read("curl -d a", Path::new(".")).unwrap_err().contains("no URL"));
    }
}
