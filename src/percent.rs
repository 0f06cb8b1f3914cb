//! Percent-encoding, and the pairs of `application/x-www-form-urlencoded` (WHATWG URL Standard, section 5.1).

mod encode;

use std::borrow::Cow;

pub(crate) use self::encode::encode_to;

/// Decodes percent-encoding: a `%` and two hexadecimal digits become one byte. A `%` without two digits is kept.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = text.iter().position(|byte| *byte == b'%') else { return Cow::Borrowed(text) };
    let (head, mut rest) = text.split_at(first);
    let mut bytes = head.to_vec();
    while let [byte, tail @ ..] = rest {
        let escaped = tail.first_chunk::<2>().filter(|_| *byte == b'%').and_then(|pair| decode_pair(*pair));
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    Cow::Owned(bytes)
}

fn decode_pair(pair: [u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

/// The names and values of a form or a query, decoded.
pub(crate) fn pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (decode_text(pair.get(..end).unwrap_or_default()), decode_text(pair.get(end + 1..).unwrap_or_default()))
    })
}

/// A `+` is a space, and what is not UTF-8 becomes U+FFFD.
fn decode_text(text: &[u8]) -> Cow<'_, str> {
    let decoded = if text.contains(&b'+') {
        let spaced: Vec<_> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        Cow::Owned(decode(&spaced).into_owned())
    } else {
        decode(text)
    };
    match decoded {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn a_form_is_read_as_by_form_urlencoded(text in "([a&=+%]|%[0-9a-fA-Fg]{2}|\u{e9}){0,12}", bytes in any::<Vec<u8>>()) {
            for form in [text.as_bytes(), &bytes] {
                let ours: Vec<_> = pairs(form).collect();
                prop_assert_eq!(ours, form_urlencoded::parse(form).collect::<Vec<_>>());
            }
        }

        #[test]
        fn text_is_encoded_and_decoded_as_by_percent_encoding(text in any::<String>(), escaped in "([a%]|%[0-9a-fA-Fg]{2}|\u{e9}){0,12}") {
            let mut ours = String::new();
            encode_to(&mut ours, &text, |byte| byte.is_ascii_alphanumeric());
            prop_assert_eq!(&ours, &percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string());
            prop_assert_eq!(&*decode(ours.as_bytes()), text.as_bytes());
            let theirs: Vec<u8> = percent_encoding::percent_decode_str(&escaped).collect();
            prop_assert_eq!(decode(escaped.as_bytes()).into_owned(), theirs);
        }
    }
}
