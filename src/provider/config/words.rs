//! The texts of a [`SchemeConfig`](super::SchemeConfig): places, tokens, templates.

use crate::field::FieldError;
use crate::provider::events::IdentityRule;
use crate::provider::handshake::BodyPart;
use crate::signature::{Encoding, Hash, Part, Place, Token};

pub(super) const ENCODINGS: &[(&str, Encoding)] = &[
    ("hex", Encoding::Hex),
    ("hex-upper", Encoding::HexUpper),
    ("base64", Encoding::Base64),
    ("base64-unpadded", Encoding::Base64Unpadded),
    ("base64url", Encoding::Base64Url),
    ("base64url-padded", Encoding::Base64UrlPadded),
];

pub(super) const HASHES: &[(&str, Hash)] = &[
    ("md5", Hash::Md5),
    ("sha1", Hash::Sha1),
    ("sha256", Hash::Sha256),
    ("sha384", Hash::Sha384),
    ("sha512", Hash::Sha512),
];

/// Returns the value with this name.
pub(super) fn word<T: Copy>(field: &'static str, text: &str, words: &[(&str, T)]) -> Result<T, FieldError> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        FieldError::new(field, format!("`{text}` is invalid: write one of {}", all.join(", ")))
    })
}

/// Returns a copy of a text that lives as long as the program, like the text of a constant.
pub(super) fn kept(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// Returns a list that lives as long as the program.
pub(super) fn kept_list<T>(list: Vec<T>) -> &'static [T] {
    Box::leak(list.into_boxed_slice())
}

/// Returns copies of texts that live as long as the program.
pub(super) fn kept_texts(texts: &[String]) -> &'static [&'static str] {
    kept_list(texts.iter().map(|text| kept(text)).collect())
}

/// Returns the name of a header in lower case.
pub(super) fn header(name: &str) -> &'static str {
    kept(&name.to_ascii_lowercase())
}

/// Returns the names of headers in lower case.
pub(super) fn headers(names: &[String]) -> &'static [&'static str] {
    kept_list(names.iter().map(|name| header(name)).collect())
}

/// Reads each of these texts.
pub(super) fn kept_all<T>(
    texts: &[String],
    field: &'static str,
    read: impl Fn(&str, &'static str) -> Result<T, FieldError>,
) -> Result<&'static [T], FieldError> {
    Ok(kept_list(texts.iter().map(|text| read(text, field)).collect::<Result<Vec<_>, _>>()?))
}

/// Reads the identity of an event. Without a text, it is the id.
pub(super) fn identity(text: Option<&str>, field: &'static str) -> Result<IdentityRule, FieldError> {
    let Some(text) = text else { return Ok(IdentityRule::ById) };
    let ways = text.split(" else ").map(|text| way(text.trim(), field)).collect::<Result<Vec<_>, _>>()?;
    Ok(if let [way] = ways[..] { way } else { IdentityRule::First(kept_list(ways)) })
}

fn way(text: &str, field: &'static str) -> Result<IdentityRule, FieldError> {
    Ok(match (text, text.strip_prefix("body_with:")) {
        (_, Some(at)) => IdentityRule::ByBodyWith(place(at, field)?),
        ("id", _) => IdentityRule::ById,
        ("content", _) => IdentityRule::ByContent,
        ("body", _) => IdentityRule::ByBody,
        ("request", _) => IdentityRule::ByRequest,
        ("never", _) => IdentityRule::Never,
        _ => IdentityRule::By(place(text, field)?),
    })
}

/// Reads a place: `header:x-name`, `json:/pointer` and the others.
pub(super) fn place(text: &str, field: &'static str) -> Result<Place, FieldError> {
    const KINDS: &str =
        "header:, json:, form:, query:, setting:, form_json:, header_of:, json_member:, claim:, named:, join:";
    let wrong = || FieldError::new(field, format!("`{text}` is not a place: write one of {KINDS} and a name"));
    let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
    let pointer = |text: &str| text.is_empty() || text.starts_with('/');
    match kind {
        "header" if !rest.is_empty() => Ok(Place::Header(header(rest))),
        "header_of" if !rest.is_empty() => Ok(Place::HeaderOf(kept(rest))),
        "json" if pointer(rest) => Ok(Place::Json(kept(rest))),
        "json_member" => {
            let except: Vec<_> = rest.split(',').filter(|name| !name.is_empty()).map(kept).collect();
            Ok(Place::JsonMember { except: kept_list(except) })
        }
        "form" if !rest.is_empty() => Ok(Place::Form(kept(rest))),
        "query" if !rest.is_empty() => Ok(Place::Query(kept(rest))),
        "setting" if !rest.is_empty() => Ok(Place::Setting(kept(rest))),
        "form_json" => {
            let (name, at) = rest.split_once('#').filter(|(_, at)| pointer(at)).ok_or_else(wrong)?;
            Ok(Place::FormJson { field: kept(name), pointer: kept(at) })
        }
        "claim" => {
            let (at, token) = rest.split_once('|').filter(|(at, _)| pointer(at)).ok_or_else(wrong)?;
            Ok(Place::Claim { token: Box::leak(Box::new(place(token, field)?)), pointer: kept(at) })
        }
        "named" => {
            let (names, at) = rest.split_once('|').ok_or_else(wrong)?;
            let names = names.split(',').map(|name| name.split_once('=').map(|(from, to)| (kept(from), kept(to))));
            let names = names.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
            Ok(Place::Named { at: Box::leak(Box::new(place(at, field)?)), names: kept_list(names) })
        }
        "join" => {
            let mut parts = outside_parentheses(rest).into_iter();
            let separator = kept(parts.next().ok_or_else(wrong)?);
            let places = parts.map(|part| place(part, field)).collect::<Result<Vec<_>, _>>()?;
            if places.is_empty() {
                return Err(wrong());
            }
            Ok(Place::Join { separator, places: kept_list(places) })
        }
        _ => Err(wrong()),
    }
}

/// Splits a text at each `|` outside of parentheses. Parentheses around a whole piece are removed.
fn outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut pieces) = (0, 0, Vec::new());
    let ends = text.char_indices().chain(std::iter::once((text.len(), '|')));
    for (at, character) in ends {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '|' if depth == 0 || at == text.len() => {
                let piece = text.get(start..at).unwrap_or_default();
                pieces.push(piece.strip_prefix('(').and_then(|piece| piece.strip_suffix(')')).unwrap_or(piece));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces
}

/// Reads the place of a token, optionally with the prefix of the token: `header:authorization Bearer`, `… Basic`, `… Bearer|Basic`, `…
/// Bearer|plain`.
pub(super) fn token(text: &str, field: &'static str) -> Result<Token, FieldError> {
    let Some((at, before)) = text.split_once(' ') else { return Ok(Token::plain(place(text, field)?)) };
    let at = place(at, field)?;
    let mut token: Option<Token> = None;
    for word in before.split('|').rev() {
        let this = match word {
            "plain" => Token::plain(at),
            "Basic" => Token { prefix: "Basic ", base64: true, ..Token::plain(at) },
            scheme if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') && !scheme.is_empty() => {
                Token { prefix: kept(&format!("{scheme} ")), ..Token::plain(at) }
            }
            _ => {
                let problem =
                    format!("`{text}`: after the place, write Bearer, Basic or plain, or several separated by |");
                return Err(FieldError::new(field, problem));
            }
        };
        token = Some(Token { or: token.map(|other| &*Box::leak(Box::new(other))), ..this });
    }
    token.ok_or_else(|| FieldError::new(field, format!("`{text}` does not name a place")))
}

/// A piece of a template.
enum Word {
    Literal(String),
    Inside(String),
    Open,
    Close,
}

/// Splits a template into pieces. Brackets have a meaning only in the template of a signed text.
fn words(text: &str, field: &'static str, brackets: bool) -> Result<Vec<Word>, FieldError> {
    let mut words = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let end = |literal: &mut String, words: &mut Vec<Word>| {
        if !literal.is_empty() {
            words.push(Word::Literal(std::mem::take(literal)));
        }
    };
    while let Some(character) = rest.chars().next() {
        let doubled = ["{{", "}}"].into_iter().chain(["[[", "]]"].into_iter().filter(|_| brackets));
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        if doubled.into_iter().any(|pair| rest.starts_with(pair)) {
            literal.push(character);
            rest = rest.get(2..).unwrap_or_default();
        } else if character == '{' {
            let (name, after) = after.split_once('}').ok_or_else(|| {
                FieldError::new(field, "`{` is not closed: write `}` after the name, or `{{` for a brace")
            })?;
            end(&mut literal, &mut words);
            words.push(Word::Inside(name.to_owned()));
            rest = after;
        } else if brackets && matches!(character, '[' | ']') {
            end(&mut literal, &mut words);
            words.push(if character == '[' { Word::Open } else { Word::Close });
            rest = after;
        } else {
            literal.push(character);
            rest = after;
        }
    }
    end(&mut literal, &mut words);
    Ok(words)
}

/// Reads the template of a signed text: `{ts}.{body}`, `[id:{query:data.id|lower};]ts:{ts};`.
pub(super) fn template(
    text: &str,
    field: &'static str,
    escapes: &'static [(&'static str, &'static str)],
) -> Result<&'static [Part], FieldError> {
    let mut outer: Option<Vec<Part>> = None;
    let mut parts = Vec::new();
    for word in words(text, field, true)? {
        match word {
            Word::Literal(literal) => parts.push(Part::Text(kept(&literal))),
            Word::Inside(name) => parts.push(part(&name, field, escapes)?),
            Word::Open if outer.is_none() => outer = Some(std::mem::take(&mut parts)),
            Word::Close if outer.is_some() => {
                let optional = Part::Optional(kept_list(std::mem::take(&mut parts)));
                parts = outer.take().unwrap_or_default();
                parts.push(optional);
            }
            Word::Open => return Err(FieldError::new(field, "`[` is inside another `[…]`: write `[[` for a bracket")),
            Word::Close => return Err(FieldError::new(field, "`]` has no `[` before it: write `]]` for a bracket")),
        }
    }
    if outer.is_some() {
        return Err(FieldError::new(field, "`[` is not closed: write `]` after the part, or `[[` for a bracket"));
    }
    Ok(kept_list(parts))
}

fn part(name: &str, field: &'static str, escapes: &'static [(&'static str, &'static str)]) -> Result<Part, FieldError> {
    if let Some((inner, filter)) = name.rsplit_once('|') {
        let kept_part = |part: Part| -> &'static Part { Box::leak(Box::new(part)) };
        match filter {
            "lower" => return Ok(Part::Lower(kept_part(part(inner, field, escapes)?))),
            "upper" => return Ok(Part::Upper(kept_part(part(inner, field, escapes)?))),
            _ => {}
        }
        if let Some((hash, encoding)) = hashing(filter) {
            return Ok(Part::HashOf(hash, encoding, kept_list(vec![part(inner, field, escapes)?])));
        }
    }
    match name {
        "ts" => Ok(Part::Timestamp),
        "id" => Ok(Part::Id),
        "plain_id" => Ok(Part::PlainId),
        "body" => Ok(Part::Body),
        "method" => Ok(Part::Method),
        "secret" => Ok(Part::Secret),
        "sorted_form" => Ok(Part::SortedForm),
        "path" => Ok(Part::Path),
        "query" => Ok(Part::Query),
        "sorted_query" => Ok(Part::SortedQuery),
        _ => match name.split_once(':') {
            Some(("url", setting)) => Ok(Part::Url(kept(setting))),
            Some(("url_decoded", setting)) => Ok(Part::UrlDecoded(kept(setting), escapes)),
            _ => place(name, field).map(Part::At).map_err(|_| FieldError::new(field, no_part(name))),
        },
    }
}

fn no_part(name: &str) -> String {
    format!(
        "`{{{name}}}` is not a part: write ts, id, body, method, secret, path, query, sorted_query, sorted_form, url:setting or a \
         place, optionally followed by |lower, |upper or |sha256-hex"
    )
}

/// Reads a hash and its encoding: `sha256-hex`, `md5-base64` and so on.
fn hashing(text: &str) -> Option<(Hash, Encoding)> {
    let (hash, encoding) = text.split_once('-')?;
    let hash = HASHES.iter().find(|(name, _)| *name == hash)?.1;
    Some((hash, ENCODINGS.iter().find(|(name, _)| *name == encoding)?.1))
}

/// Reads the template of an answer: `{query:challenge}`, `{{"challenge":{json:/challenge|json}}}`.
pub(super) fn pieces(text: &str, field: &'static str) -> Result<&'static [BodyPart], FieldError> {
    let pieces = words(text, field, false)?.into_iter().map(|word| match word {
        Word::Literal(literal) => Ok(BodyPart::Text(kept(&literal))),
        Word::Inside(name) => piece(&name, field),
        Word::Open | Word::Close => {
            Err(FieldError::new(field, "contains a bracket, which has no meaning here: remove it"))
        }
    });
    pieces.collect::<Result<Vec<_>, _>>().map(kept_list)
}

fn piece(name: &str, field: &'static str) -> Result<BodyPart, FieldError> {
    if let Some((at, filter)) = name.rsplit_once('|') {
        if filter == "json" {
            return Ok(BodyPart::Json(place(at, field)?));
        }
        if let Some(encoding) = filter.strip_prefix("mac-") {
            return Ok(BodyPart::Mac(place(at, field)?, word(field, encoding, ENCODINGS)?));
        }
        if filter == "hash-lines" {
            let setting = at.strip_prefix("setting:");
            let wrong = || FieldError::new(field, "`hash-lines` needs a setting: write {setting:name|hash-lines}");
            return setting.map(|name| BodyPart::HashLines(kept(name))).ok_or_else(wrong);
        }
    }
    place(name, field).map(BodyPart::Echo)
}
