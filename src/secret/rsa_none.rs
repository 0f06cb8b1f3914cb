//! RSA keys without the feature `public-key`: every constructor fails.

use super::rsa_form::RsaForm;

/// This type has no values.
pub(crate) enum RsaKey {}

impl RsaKey {
    pub(crate) const fn from_spki(_der: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn from_pem(_pem: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn from_numbers(_n: &[u8], _e: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn from_der(_der: &[u8]) -> Option<Self> {
        None
    }

    pub(crate) const fn to_der(&self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) const fn verifies(&self, _form: RsaForm, _message: &[u8], _signature: &[u8]) -> bool {
        match *self {}
    }
}
