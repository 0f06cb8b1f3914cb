//! Changes of the body's bytes.

use std::borrow::Cow;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use super::order::permutations;
use crate::{decoder, percent};

/// Maximum length of a decompressed body, as a multiple of the body.
const MAX_RATIO: usize = 100;

/// Maximum number of fields of a form whose orders are tried.
const MAX_FIELDS: usize = 6;

/// Undoes one change. Returns `None` if the body shows no sign of this change.
type Undo = fn(&[u8]) -> Option<Vec<u8>>;

const CHANGES: &[(Cause, Undo)] = &[
    (Cause::TrailingNewline, |body| Some(body.trim_ascii_end().to_vec())),
    (Cause::TrailingNewline, |body| body.strip_suffix(b"\n").map(<[u8]>::to_vec)),
    (Cause::TrailingNewline, |body| Some([body, b"\n"].concat())),
    (Cause::TrailingNewline, |body| Some([body, b"\r\n"].concat())),
    (Cause::TrailingNewline, |body| Some([body.trim_ascii_end(), b"\n"].concat())),
    (Cause::TrailingNewline, |body| Some([body.trim_ascii_end(), b"\r\n"].concat())),
    (Cause::TrailingNewline, |body| Some(body.trim_ascii().to_vec())),
    (Cause::TrailingNewline, |body| Some([body, b" "].concat())),
    (Cause::LineEndings, |body| Some(replaced(body, b"\r\n", b"\n"))),
    (Cause::LineEndings, |body| Some(replaced(&replaced(body, b"\r\n", b"\n"), b"\n", b"\r\n"))),
    (Cause::LineEndings, |body| Some(replaced(body, b"\r\n", b"\n").trim_ascii_end().to_vec())),
    (Cause::LineEndings, |body| Some(replaced(body.trim_ascii_end(), b"\n", b"\r\n"))),
    (Cause::LineEndings, |body| Some([&*replaced(body, b"\n", b"\r\n"), b"\r\n"].concat())),
    (Cause::LineEndings, |body| Some(replaced(body, b"\n", b""))),
    (Cause::ByteOrderMark, |body| body.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec)),
    (Cause::ByteOrderMark, |body| Some([b"\xef\xbb\xbf", body].concat())),
    (Cause::Charset, |body| latin1(std::str::from_utf8(body).ok()?)),
    (Cause::Charset, |body| Some(body.iter().copied().map(char::from).collect::<String>().into_bytes())),
    (Cause::Charset, windows_1252_undone),
    (Cause::Charset, windows_1252),
    (Cause::Charset, |body| utf16(body.strip_prefix(b"\xff\xfe").unwrap_or(body), u16::from_le_bytes)),
    (Cause::Charset, |body| utf16(body.strip_prefix(b"\xfe\xff").unwrap_or(body), u16::from_be_bytes)),
    (Cause::Wrapped, |body| STANDARD.decode(body.trim_ascii()).ok()),
    (Cause::Wrapped, |body| serde_json::from_slice::<String>(body).ok().map(String::into_bytes)),
    (Cause::Wrapped, |body| serde_json::to_vec(std::str::from_utf8(body).ok()?).ok()),
    (Cause::Wrapped, |body| Some(STANDARD.encode(body).into_bytes())),
    (Cause::Wrapped, html_undone),
    (Cause::Form, |body| body.strip_suffix(b"=").map(<[u8]>::to_vec)),
    (Cause::Form, |body| Some(percent::decode(body).into_owned())),
    (Cause::Form, |body| Some(percent::decode(&replaced(body, b"+", b" ")).into_owned())),
    (Cause::Form, |body| Some(replaced(body, b"%20", b"+"))),
    (Cause::Form, |body| Some(replaced(body, b"+", b"%20"))),
    (Cause::Form, |body| Some(escapes_in(body, u8::to_ascii_lowercase))),
    (Cause::Form, |body| Some(escapes_in(body, u8::to_ascii_uppercase))),
    (Cause::Form, |body| encoded_again(body, "+", "*-._")),
    (Cause::Form, |body| encoded_again(body, "%20", "-._~")),
    (Cause::Form, |body| encoded_again(body, "%20", "-._~!*'()")),
    (Cause::Form, |body| encoded_again(body, "+", "-._~")),
    (Cause::Form, |body| form_of_json(body, "+", "*-._")),
    (Cause::Form, |body| form_of_json(body, "%20", "-._~")),
    (Cause::Form, |body| form_of_json(body, "%20", "-._~!*'()")),
    (Cause::Form, |body| form_of_json(body, "+", "-._~")),
];

/// Names of the field in which forms carry JSON.
const JSON_FIELDS: [&str; 4] = ["payload", "json", "data", "mandrill_events"];

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    let body = case.received.body;
    let ordered = fields(body).take_while(|_| case.can_afford(body.len()));
    forms(case)
        .chain(ordered)
        .find(|(_, body)| case.fits(Try { body: Some(body), ..Try::default() }))
        .map(|(cause, _)| Diagnosis::proved(cause))
}

/// The bodies that may have been signed, as long as the budget of bytes allows.
pub(super) fn forms<'c, 'a>(case: &'c Case<'a>) -> impl Iterator<Item = (Cause, Cow<'a, [u8]>)> + use<'c, 'a> {
    let body = case.received.body;
    let undone = CHANGES.iter().map(|(cause, undo)| (*cause, *undo));
    let plain = [decompressed_gzip, decompressed_zlib].map(|undo| (Cause::Compressed, undo));
    let changed =
        undone.take_while(|_| case.can_afford(body.len())).filter_map(move |(cause, undo)| Some((cause, undo(body)?)));
    let plain = plain.into_iter().filter_map(move |(cause, undo)| Some((cause, undo(body, case.left.get())?)));
    changed.chain(plain).filter(move |(_, undone)| undone != body).map(|(cause, undone)| (cause, Cow::Owned(undone)))
}

/// A form around the JSON that was taken out of it, and the fields of a form in other orders.
fn fields<'a>(body: &'a [u8]) -> impl Iterator<Item = (Cause, Cow<'a, [u8]>)> {
    let around = JSON_FIELDS.into_iter().flat_map(move |field| {
        [("+", "*-._"), ("%20", "-._~"), ("%20", "-._~!*'()"), ("+", "-._~")].map(move |(space, plain)| {
            let mut form = format!("{field}=").into_bytes();
            encode(body, space, plain, &mut form);
            (Cause::Form, Cow::Owned(form))
        })
    });
    let fields: Vec<_> = body.split(|byte| *byte == b'&').collect();
    let count = if (2..=MAX_FIELDS).contains(&fields.len()) { fields.len() } else { 0 };
    let ordered = permutations(count).map(move |order| {
        let ordered: Vec<_> = order.iter().filter_map(|at| fields.get(*at).copied()).collect();
        (Cause::Form, Cow::Owned(ordered.join(&b'&')))
    });
    around.chain(ordered)
}

pub(super) fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut rest = text;
    let mut all = Vec::with_capacity(text.len());
    while let Some((first, behind)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(behind) => {
                all.extend_from_slice(to);
                rest = behind;
            }
            None => {
                all.push(*first);
                rest = behind;
            }
        }
    }
    all
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect()
}

/// The characters of Windows-1252 from 0x80 to 0x9f; U+FFFD for bytes without a character.
const WINDOWS_1252: &str = "\u{20ac}\u{fffd}\u{201a}\u{192}\u{201e}\u{2026}\u{2020}\u{2021}\u{2c6}\u{2030}\u{160}\u{2039}\u{152}\
                            \u{fffd}\u{17d}\u{fffd}\u{fffd}\u{2018}\u{2019}\u{201c}\u{201d}\u{2022}\u{2013}\u{2014}\u{2dc}\u{2122}\
                            \u{161}\u{203a}\u{153}\u{fffd}\u{17e}\u{178}";

/// Undoes that UTF-8 was read as Windows-1252 and written as UTF-8.
fn windows_1252_undone(body: &[u8]) -> Option<Vec<u8>> {
    let byte = |letter: char| match WINDOWS_1252.chars().position(|known| known == letter) {
        Some(at) => u8::try_from(at + 0x80).ok(),
        None => u8::try_from(u32::from(letter)).ok(),
    };
    std::str::from_utf8(body).ok()?.chars().map(byte).collect()
}

/// Windows-1252 as UTF-8.
fn windows_1252(body: &[u8]) -> Option<Vec<u8>> {
    let letter = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252.chars().nth(usize::from(byte - 0x80)),
        byte => Some(char::from(*byte)),
    };
    body.iter().map(letter).collect::<Option<String>>().map(String::into_bytes)
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Vec<u8>> {
    let (units, rest) = body.as_chunks::<2>();
    let text = String::from_utf16(&units.iter().copied().map(unit).collect::<Vec<_>>()).ok()?;
    (rest.is_empty() && !body.is_empty()).then(|| text.into_bytes())
}

fn decompressed_gzip(body: &[u8], most: usize) -> Option<Vec<u8>> {
    decompressed(body, decoder::gzip(body)?, most)
}

fn decompressed_zlib(body: &[u8], most: usize) -> Option<Vec<u8>> {
    decompressed(body, decoder::zlib(body)?, most)
}

/// Decompresses a body. The result is at most as long as the bytes that may still be hashed.
fn decompressed(body: &[u8], from: impl std::io::Read, most: usize) -> Option<Vec<u8>> {
    let most = most.min(body.len().saturating_mul(MAX_RATIO));
    let mut plain = Vec::new();
    from.take(u64::try_from(most).ok()?).read_to_end(&mut plain).ok()?;
    Some(plain)
}

fn html_undone(body: &[u8]) -> Option<Vec<u8>> {
    const ENTITIES: [(&[u8], &[u8]); 7] = [
        (b"&quot;", b"\""),
        (b"&#34;", b"\""),
        (b"&#39;", b"'"),
        (b"&#x27;", b"'"),
        (b"&lt;", b"<"),
        (b"&gt;", b">"),
        (b"&amp;", b"&"),
    ];
    body.contains(&b'&').then(|| ENTITIES.iter().fold(body.to_vec(), |text, (from, to)| replaced(&text, from, to)))
}

/// Changes the case of the digits in percent-escapes.
fn escapes_in(body: &[u8], case: fn(&u8) -> u8) -> Vec<u8> {
    let mut all = body.to_vec();
    for at in 0..all.len() {
        if all.get(at) == Some(&b'%')
            && let Some(digits) = all.get_mut(at + 1..at + 3)
            && digits.iter().all(u8::is_ascii_hexdigit)
        {
            digits.iter_mut().for_each(|digit| *digit = case(digit));
        }
    }
    all
}

/// Encodes the fields of a form again; they may have been decoded before.
fn encoded_again(body: &[u8], space: &str, plain: &str) -> Option<Vec<u8>> {
    if !body.contains(&b'=') {
        return None;
    }
    let fields = body.split(|byte| *byte == b'&').map(|field| {
        let mut pieces = field.splitn(2, |byte| *byte == b'=').map(|piece| {
            let mut encoded = Vec::with_capacity(piece.len());
            encode(&percent::decode(&replaced(piece, b"+", b" ")), space, plain, &mut encoded);
            encoded
        });
        [pieces.next(), pieces.next()].into_iter().flatten().collect::<Vec<_>>().join(&b'=')
    });
    Some(fields.collect::<Vec<_>>().join(&b'&'))
}

/// Converts a JSON object of texts back to the form that it was.
fn form_of_json(body: &[u8], space: &str, plain: &str) -> Option<Vec<u8>> {
    let fields: Vec<(String, String)> = super::json::texts(body)?;
    let fields = fields.iter().map(|(name, value)| {
        let mut field = Vec::new();
        encode(name.as_bytes(), space, plain, &mut field);
        field.push(b'=');
        encode(value.as_bytes(), space, plain, &mut field);
        field
    });
    Some(fields.collect::<Vec<_>>().join(&b'&'))
}

/// Percent-encodes a text, with these characters for a space. Letters, digits and the characters in `plain` are kept.
fn encode(text: &[u8], space: &str, plain: &str, out: &mut Vec<u8>) {
    let mut encoded = String::with_capacity(text.len());
    percent::encode_to(&mut encoded, text, |byte| {
        byte.is_ascii_alphanumeric() || byte == b' ' || plain.as_bytes().contains(&byte)
    });
    out.extend(encoded.replace(' ', space).into_bytes());
}
