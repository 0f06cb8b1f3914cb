//! Percent-encoding of text.

/// Appends the text. A byte that is not ASCII, or for which `is_kept` is false, becomes `%` and two upper-case hexadecimal digits.
pub(crate) fn encode_to(to: &mut String, text: impl AsRef<[u8]>, is_kept: impl Fn(u8) -> bool) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    for byte in text.as_ref() {
        if byte.is_ascii() && is_kept(*byte) {
            to.push(char::from(*byte));
        } else {
            to.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}
