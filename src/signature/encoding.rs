//! The encodings of signatures, and their strict decoding.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// Longest signature of any algorithm except RSA, in bytes. An ECDSA signature in DER has up to 72.
pub(crate) const MAX_SIGNATURE_BYTES: usize = 72;

/// Longest RSA signature, in bytes: the signature of a key of 8192 bits.
const MAX_RSA_BYTES: usize = 1024;

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Hexadecimal digits: read in either case, written in lower case.
    Hex,
    /// The same, written in upper case.
    HexUpper,
    /// Base64, standard alphabet, padded, canonical (RFC 4648 section 4).
    Base64,
    /// The same without padding.
    Base64Unpadded,
    /// Base64, URL-safe alphabet, unpadded (RFC 4648 section 5).
    Base64Url,
    /// The same with padding.
    Base64UrlPadded,
}

/// A decoded signature.
#[derive(Clone)]
pub(crate) enum Decoded {
    Short { bytes: [u8; MAX_SIGNATURE_BYTES + 2], length: usize },
    Long(Vec<u8>),
}

impl Decoded {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { bytes, length } => bytes.get(..*length).unwrap_or_default(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl Encoding {
    /// Decodes at most [`MAX_SIGNATURE_BYTES`]. Only the canonical spelling is accepted, except that hexadecimal digits may have
    /// either case. Otherwise returns `None`.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Decoded> {
        let mut bytes = [0; MAX_SIGNATURE_BYTES + 2];
        let length = self.decode_into(text, &mut bytes)?;
        (1..=MAX_SIGNATURE_BYTES).contains(&length).then_some(Decoded::Short { bytes, length })
    }

    /// Decodes an RSA signature.
    pub(crate) fn decode_long(self, text: &[u8]) -> Option<Decoded> {
        let mut bytes = vec![0; (MAX_RSA_BYTES + 2).min(text.len())];
        let length = self.decode_into(text, &mut bytes)?;
        bytes.truncate(length);
        (1..=MAX_RSA_BYTES).contains(&length).then_some(Decoded::Long(bytes))
    }

    fn decode_into(self, text: &[u8], bytes: &mut [u8]) -> Option<usize> {
        match self {
            Self::Hex | Self::HexUpper => decode_hex(text, bytes),
            Self::Base64 => STANDARD.decode_slice(text, bytes).ok(),
            Self::Base64Unpadded => STANDARD_NO_PAD.decode_slice(text, bytes).ok(),
            Self::Base64Url => URL_SAFE_NO_PAD.decode_slice(text, bytes).ok(),
            Self::Base64UrlPadded => URL_SAFE.decode_slice(text, bytes).ok(),
        }
    }

    /// Appends the text of a signature.
    pub(crate) fn encode(self, signature: &[u8], to: &mut Vec<u8>) {
        let start = to.len();
        match self {
            Self::Hex | Self::HexUpper => {
                to.resize(start + signature.len() * 2, 0);
                let written = to.get_mut(start..).map(|space| hex::encode_to_slice(signature, space));
                debug_assert!(matches!(written, Some(Ok(()))), "the space was made to measure");
                if self == Self::HexUpper {
                    to.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
                }
            }
            Self::Base64 => encode_base64(&STANDARD, signature, to),
            Self::Base64Unpadded => encode_base64(&STANDARD_NO_PAD, signature, to),
            Self::Base64Url => encode_base64(&URL_SAFE_NO_PAD, signature, to),
            Self::Base64UrlPadded => encode_base64(&URL_SAFE, signature, to),
        }
    }
}

/// The value of each hexadecimal digit; 255 for every other byte.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// Does not branch on the digits. The digits of a signature are random, so the processor would mispredict every second branch.
fn decode_hex(text: &[u8], to: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = text.as_chunks::<2>();
    let space = to.get_mut(..pairs.len()).filter(|_| rest.is_empty())?;
    let mut wrong = 0;
    for (byte, [high, low]) in space.iter_mut().zip(pairs) {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        wrong |= (high | low) & 0xf0;
        *byte = (high << 4) | (low & 0x0f);
    }
    (wrong == 0).then_some(pairs.len())
}

fn encode_base64(engine: &impl base64::Engine, signature: &[u8], to: &mut Vec<u8>) {
    let start = to.len();
    to.resize(start + signature.len().div_ceil(3) * 4, 0);
    let written = to.get_mut(start..).and_then(|space| engine.encode_slice(signature, space).ok());
    to.truncate(start + written.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_decodes_and_nothing_sloppy_does() {
        for encoding in [
            Encoding::Hex,
            Encoding::HexUpper,
            Encoding::Base64,
            Encoding::Base64Unpadded,
            Encoding::Base64Url,
            Encoding::Base64UrlPadded,
        ] {
            let mut text = Vec::new();
            encoding.encode(&[0xfb; 32], &mut text);
            assert_eq!(encoding.decode(&text).unwrap().as_bytes(), [0xfb; 32]);
            text.push(b' ');
            assert!(encoding.decode(&text).is_none());
            assert!(encoding.decode(b"").is_none());
            assert!(encoding.decode(&[b'a'; 400]).is_none());
        }
    }
}
