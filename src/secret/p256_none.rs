//! P-256 keys without the feature `public-key`: every constructor fails.

/// This type has no values.
pub(crate) enum P256Key {}

impl P256Key {
    pub(crate) const fn from_spki(_der: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn from_pem(_pem: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn from_point(_point: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn to_spki(&self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) const fn verifies(&self, _message: &[u8], _signature: &[u8], _fixed: bool) -> bool {
        match *self {}
    }
}
