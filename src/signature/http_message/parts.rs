//! The parts of one message, each read once and within bounds.

use std::collections::HashMap;

use http::HeaderMap;
use sfv::{Dictionary, FieldType as _, Item, List, Parser};

use super::base_error::BaseError;
use super::message::Message;
use crate::percent;
use crate::work;

/// Maximum number of bytes that are read of one message, and that are written for all of its signatures together. A signature that
/// covers more is rejected, because its sender is not verified yet.
const MAX_COVERED_BYTES: usize = 64 * 1024;

/// Maximum number of bytes that are parsed as structured fields. Parsing them costs about twenty times as much as copying them.
const MAX_STRUCTURED_BYTES: usize = 16 * 1024;

/// The parts of one message. Each part is read and parsed once, however many components and signatures name it. The bytes that are
/// read, parsed and written are limited over all components and signatures together.
#[derive(Debug)]
pub(super) struct Parts<'m> {
    message: Message<'m>,
    fields: HashMap<String, Field>,
    query: Option<HashMap<String, QueryValue>>,
    readable: Budget,
    parsable: Budget,
    writable: Budget,
}

/// A budget of bytes, which only decreases.
#[derive(Debug)]
struct Budget(usize);

impl Budget {
    fn take(&mut self, bytes: usize) -> Result<(), BaseError> {
        self.0 = self.0.checked_sub(bytes).ok_or(BaseError::TooLong)?;
        work::spent(bytes);
        Ok(())
    }
}

/// A header field.
#[derive(Debug)]
struct Field {
    /// Its lines, trimmed, with folded lines unfolded.
    lines: Vec<String>,
    /// The field as a dictionary, if a component has requested one. The inner value is `None` if the field is not a dictionary.
    dictionary: Option<Option<Dictionary>>,
}

/// The value of a parameter of the query.
#[derive(Debug)]
enum QueryValue {
    Once(String),
    /// The parameter occurs several times, so it is not clear which one the component means.
    Repeated,
}

impl<'m> Parts<'m> {
    pub(super) fn of(message: Message<'m>) -> Self {
        Self {
            message,
            fields: HashMap::new(),
            query: None,
            readable: Budget(MAX_COVERED_BYTES),
            parsable: Budget(MAX_STRUCTURED_BYTES),
            writable: Budget(MAX_COVERED_BYTES),
        }
    }

    pub(super) const fn message(&self) -> Message<'m> {
        self.message
    }

    /// Subtracts this number of bytes of a signature base from the budget.
    pub(super) fn write(&mut self, bytes: usize) -> Result<(), BaseError> {
        self.writable.take(bytes)
    }

    /// The lines of a field.
    pub(super) fn lines(&mut self, name: &str, identifier: &str) -> Result<&[String], BaseError> {
        self.field(name, identifier).map(|field| &*field.lines)
    }

    fn field(&mut self, name: &str, identifier: &str) -> Result<&mut Field, BaseError> {
        if !self.fields.contains_key(name) {
            let lines = read(self.message.headers(), name, identifier, &mut self.readable)?;
            self.fields.insert(name.to_owned(), Field { lines, dictionary: None });
        }
        self.fields.get_mut(name).ok_or_else(|| BaseError::Absent(identifier.to_owned()))
    }

    /// One member of a field that is a dictionary.
    pub(super) fn member(&mut self, name: &str, key: &str, identifier: &str) -> Result<String, BaseError> {
        let joined = self.lines(name, identifier)?.join(", ");
        let parsed = self.field(name, identifier)?.dictionary.is_some();
        if !parsed {
            self.parsable.take(joined.len())?;
            self.field(name, identifier)?.dictionary = Some(Parser::new(&joined).parse().ok());
        }
        let field = self.field(name, identifier)?;
        let dictionary = field.dictionary.as_ref().and_then(Option::as_ref);
        let dictionary = dictionary.ok_or_else(|| BaseError::Value(identifier.to_owned()))?;
        let entry = dictionary.get(key).ok_or_else(|| BaseError::Absent(identifier.to_owned()))?;
        let member = vec![entry.clone()].serialize().unwrap_or_default();
        work::spent(member.len());
        Ok(member)
    }

    /// A structured field of any type, serialised again. Not every receiver knows the type of a field, so a dictionary is tried
    /// first, as in the RFC's own example.
    pub(super) fn structured(&mut self, name: &str, identifier: &str) -> Result<String, BaseError> {
        let text = self.lines(name, identifier)?.join(", ");
        self.parsable.take(text.len())?;
        if let Ok(dictionary) = Parser::new(&text).parse::<Dictionary>() {
            return dictionary.serialize().ok_or_else(|| BaseError::Value(identifier.to_owned()));
        }
        if let Ok(item) = Parser::new(&text).parse::<Item>() {
            return Ok(item.serialize());
        }
        let list = Parser::new(&text).parse::<List>().ok().and_then(|list| list.serialize());
        list.ok_or_else(|| BaseError::Value(identifier.to_owned()))
    }

    /// A parameter of the query, decoded and encoded again (section 2.2.8). The query is read once, even if several of its
    /// parameters are covered.
    pub(super) fn query_parameter(&mut self, name: &str, identifier: &str) -> Result<String, BaseError> {
        let Message::Request { uri, .. } = self.message else { return Err(BaseError::Unknown(identifier.to_owned())) };
        if self.query.is_none() {
            let query = uri.query().unwrap_or_default();
            self.readable.take(query.len())?;
            self.query = Some(parameters_of(query));
        }
        match self.query.as_ref().and_then(|query| query.get(name)) {
            Some(QueryValue::Once(value)) => Ok(value.clone()),
            Some(QueryValue::Repeated) => Err(BaseError::Twice(identifier.to_owned())),
            None => Err(BaseError::Absent(identifier.to_owned())),
        }
    }
}

fn read(headers: &HeaderMap, name: &str, identifier: &str, readable: &mut Budget) -> Result<Vec<String>, BaseError> {
    let mut lines = Vec::new();
    for value in headers.get_all(name) {
        readable.take(value.len())?;
        let text = value.to_str().map_err(|_| BaseError::Value(identifier.to_owned()))?;
        let unfolded: Vec<_> = text.split("\r\n").map(str::trim).collect();
        lines.push(unfolded.join(" ").trim().to_owned());
    }
    if lines.is_empty() { Err(BaseError::Absent(identifier.to_owned())) } else { Ok(lines) }
}

fn parameters_of(query: &str) -> HashMap<String, QueryValue> {
    let encode = |text: &str| {
        let mut encoded = String::with_capacity(text.len());
        percent::encode_to(&mut encoded, text, |byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte));
        encoded
    };
    let mut parameters = HashMap::new();
    for (name, value) in percent::pairs(query.as_bytes()) {
        let found = parameters.entry(encode(&name));
        found.and_modify(|value| *value = QueryValue::Repeated).or_insert_with(|| QueryValue::Once(encode(&value)));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, Uri};
    use sfv::ListEntry;

    use super::*;

    fn base(headers: &HeaderMap, uri: &Uri, components: &[String]) -> (Result<String, BaseError>, u64) {
        let input = Parser::new(&format!("({})", components.join(" "))).parse::<List>().unwrap().remove(0);
        let ListEntry::InnerList(input) = input else { panic!("an inner list") };
        let before = work::total();
        let base = super::super::signature_base(&Message::request(&Method::POST, uri, None, headers), &input);
        (base, work::total() - before)
    }

    fn dictionary(bytes: usize) -> HeaderMap {
        let members: Vec<_> = (0..bytes / 8).map(|number| format!("k{number}=1")).collect();
        HeaderMap::from_iter([("x".parse().unwrap(), HeaderValue::from_str(&members.join(", ")).unwrap())])
    }

    #[test]
    fn a_dictionary_is_parsed_once_however_many_of_its_members_are_covered() {
        let (headers, uri) = (dictionary(8 * 1024), Uri::from_static("/"));
        let of = |count: usize| (0..count).map(|number| format!("\"x\";key=\"k{number}\"")).collect::<Vec<_>>();
        let (one, work_of_one) = base(&headers, &uri, &of(1));
        let (many, work_of_many) = base(&headers, &uri, &of(58));
        assert!(one.is_ok() && many.is_ok());
        assert!(work_of_many < 2 * work_of_one, "{work_of_many} bytes, {work_of_one} for one member");
    }

    #[test]
    fn the_query_is_parsed_once_however_many_of_its_parameters_are_covered() {
        let query: Vec<_> = (0..4_000).map(|number| format!("k{number}=1")).collect();
        let uri: Uri = format!("/?{}", query.join("&")).parse().unwrap();
        let of = |count: usize| (0..count).map(|it| format!("\"@query-param\";name=\"k{it}\"")).collect::<Vec<_>>();
        let (one, work_of_one) = base(&HeaderMap::new(), &uri, &of(1));
        let (many, work_of_many) = base(&HeaderMap::new(), &uri, &of(58));
        assert!(one.is_ok() && many.is_ok());
        assert!(work_of_many < 2 * work_of_one, "{work_of_many} bytes, {work_of_one} for one parameter");
    }

    #[test]
    fn what_a_signature_may_cover_is_bounded_in_bytes() {
        let uri = Uri::from_static("/");
        let of = |name: &str, bytes: usize| {
            HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(&"a".repeat(bytes)).unwrap())])
        };
        assert!(base(&of("x", 40_000), &uri, &["\"x\"".into()]).0.is_ok());
        assert_eq!(base(&of("x", 70_000), &uri, &["\"x\"".into()]).0, Err(BaseError::TooLong));
        // A value is copied for each component that names it.
        let twice = ["\"x\"".to_owned(), "\"x\";bs".to_owned()];
        assert_eq!(base(&of("x", 40_000), &uri, &twice).0, Err(BaseError::TooLong));
        for component in ["\"x\";sf", "\"x\";key=\"k1\""] {
            assert_eq!(
                base(&dictionary(32 * 1024), &uri, &[component.into()]).0,
                Err(BaseError::TooLong),
                "{component}"
            );
        }
    }
}
