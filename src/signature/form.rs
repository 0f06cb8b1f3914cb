//! Forms and queries: limits the number of fields, and finds several fields in one pass.

use std::borrow::Cow;

use super::error::VerifyError;
use super::multipart;
use crate::percent;
use crate::work;

/// Maximum number of fields of a form or a query. Each field costs an allocation and a place in an order before the request is
/// verified. Half a million empty fields in one body would take 60 ms of a core.
const MAX_FIELDS: usize = 4_096;

/// Fails if a form has more fields than any provider sends.
pub(crate) fn check_fields(form: &[u8]) -> Result<(), VerifyError> {
    let more = form.iter().filter(|byte| **byte == b'&').count();
    if more < MAX_FIELDS { Ok(()) } else { Err(VerifyError::Malformed("form")) }
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// There is no field with this name.
    Absent,
    /// The field occurs once, with this value.
    Once(Cow<'a, str>),
    /// The field occurs more than once, so two parsers could read different values.
    Twice,
}

/// The values of these fields in a body, which is urlencoded or multipart.
pub(crate) fn fields_of_body<'a>(body: &'a [u8], names: &[&str]) -> Result<Vec<Field<'a>>, VerifyError> {
    let Some(values) = multipart::values(body, names) else { return fields(body, names) };
    let field = |values: Vec<String>| {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Field::Absent,
            (Some(one), None) => Field::Once(Cow::Owned(one)),
            (Some(_), Some(_)) => Field::Twice,
        }
    };
    Ok(values.into_iter().map(field).collect())
}

/// The values of these fields in a urlencoded form or a query. Only these fields are decoded.
pub(crate) fn fields<'a>(form: &'a [u8], names: &[&str]) -> Result<Vec<Field<'a>>, VerifyError> {
    work::spent(form.len());
    check_fields(form)?;
    let mut found = vec![Field::Absent; names.len()];
    for pair in form.split(|byte| *byte == b'&') {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let is_escaped = name.iter().any(|byte| matches!(byte, b'%' | b'+'));
        if !is_escaped && !names.iter().any(|wanted| wanted.as_bytes() == name) {
            continue;
        }
        let Some((name, value)) = percent::pairs(pair).next() else { continue };
        let slots = names.iter().zip(&mut found).filter(|(wanted, _)| **wanted == name);
        for (_, slot) in slots {
            *slot = if *slot == Field::Absent { Field::Once(value.clone()) } else { Field::Twice };
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_more_fields_than_anybody_sends_is_rejected() {
        let fields = |count: usize| vec!["a="; count].join("&");
        assert!(check_fields(fields(MAX_FIELDS).as_bytes()).is_ok());
        assert_eq!(check_fields(fields(MAX_FIELDS + 1).as_bytes()), Err(VerifyError::Malformed("form")));
    }

    #[test]
    fn fields_are_found_as_a_reader_of_the_whole_form_finds_them() {
        let names = ["a", "b c", "", "é"];
        for form in [
            "",
            "a",
            "a=1&b+c=2",
            "%61=1&b%20c=%2B+x&=0",
            "a=1&a=1",
            "a=1&%61=2&&b",
            "%C3%A9==&\u{e9}=",
            "a&&=&b c=1",
            "%ff=1&+=2",
        ] {
            let all: Vec<_> = form_urlencoded::parse(form.as_bytes()).collect();
            for (name, found) in names.iter().zip(fields(form.as_bytes(), &names).unwrap()) {
                let values: Vec<_> = all.iter().filter(|(field, _)| field == name).map(|(_, value)| value).collect();
                let expected = match values[..] {
                    [] => Field::Absent,
                    [one] => Field::Once(one.clone()),
                    _ => Field::Twice,
                };
                assert_eq!(found, expected, "{form} {name}");
            }
        }
    }
}
