//! Reads DER (X.690), the format of certificates and public keys. Lengths must have their shortest form and be at most 65,535 bytes, and
//! tags must have one byte. Nothing is read beyond the end, and nothing is read twice.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The longest object identifier, in bytes.
const MAX_IDENTIFIER: usize = 39;

/// The values that have not been read yet.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One value, whose tag and length are valid.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    tag: u8,
    pub(super) content: &'a [u8],
    /// The tag, the length and the content.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the next value of any type.
    pub(super) fn any(&mut self) -> Option<Value<'a>> {
        let (tag, rest) = self.0.split_first()?;
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let (whole, _) = self.0.split_at_checked(self.0.len() - rest.len())?;
        self.0 = rest;
        is_type(*tag).then_some(Value { tag: *tag, content, whole })
    }

    /// Reads the next value, which must have this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<Value<'a>> {
        self.any().filter(|value| value.tag == tag)
    }

    /// Reads the next value, if it has this tag. Otherwise nothing is read.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<Value<'a>>> {
        if self.0.first() == Some(&tag) { self.any().map(Some) } else { Some(None) }
    }

    /// Returns a reader of the values inside the next value, which must have this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(|value| Self(value.content))
    }

    /// Reads the content of the next value, which must be an object identifier: the first number is 0, 1 or 2, the second is at most 39,
    /// and all others are below 2³².
    pub(super) fn identifier(&mut self) -> Option<&'a [u8]> {
        let content = self.take(OBJECT_IDENTIFIER)?.content;
        let mut number = None;
        for byte in content {
            let before = number.unwrap_or(0_u64);
            if before >> 25 != 0 {
                return None;
            }
            let with = before << 7 | u64::from(byte & 0x7f);
            number = (byte & 0x80 != 0).then_some(with);
        }
        let begins_well = content.first().is_some_and(|first| *first < 3 * 40);
        (begins_well && number.is_none() && content.len() <= MAX_IDENTIFIER).then_some(content)
    }

    /// Reads the content of the next value, which must be an integer in its shortest form.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let content = self.take(INTEGER)?.content;
        let is_short = match content {
            [] => false,
            [0, next, ..] => next & 0x80 != 0,
            [0xff, next, ..] => next & 0x80 == 0,
            _ => true,
        };
        is_short.then_some(content)
    }

    /// Returns `None` if there is another value.
    pub(super) fn end(&self) -> Option<()> {
        self.is_empty().then_some(())
    }
}

/// Returns the bytes of a bit string, and the number of unused bits in the last byte.
pub(super) fn bits(content: &[u8]) -> Option<(&[u8], u8)> {
    let (unused, bytes) = content.split_first()?;
    (*unused == 0 || *unused < 8 && !bytes.is_empty()).then_some((bytes, *unused))
}

/// Reads a length and returns it with the bytes that follow.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [length @ 0..=0x7f, ref rest @ ..] => Some((length.into(), rest)),
        [0x81, length @ 0x80..=0xff, ref rest @ ..] => Some((length.into(), rest)),
        [0x82, high @ 1..=0xff, low, ref rest @ ..] => Some((u16::from_be_bytes([high, low]).into(), rest)),
        _ => None,
    }
}

/// Whether a tag has one byte and belongs to a type of X.680 or to a field.
const fn is_type(tag: u8) -> bool {
    match tag {
        0x01..=0x06 | 0x09 | 0x0a | 0x0c | 0x0d | 0x12..=0x18 | 0x1a | 0x1b | 0x1e | SEQUENCE | SET => true,
        _ => tag & 0xc0 != 0 && tag & 0x1f != 0x1f,
    }
}
