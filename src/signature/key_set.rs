//! The keys of a JWK Set (RFC 7517).

use serde::Deserialize;

use super::error::VerifyError;
use crate::secret::{Jwk, Key};
use crate::work;

/// Maximum number of keys of a set that are read.
const MAX_KEYS: usize = 64;

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

/// The keys of a JWK Set (RFC 7517), or of a document with one `key`.
fn keys_of(set: &[u8]) -> Result<Vec<Jwk>, VerifyError> {
    #[derive(Deserialize)]
    struct One {
        key: Jwk,
    }
    work::spent(set.len());
    match serde_json::from_slice::<KeySet>(set) {
        Ok(set) => Ok(set.keys),
        Err(_) => serde_json::from_slice::<One>(set).map(|one| vec![one.key]).map_err(|_| VerifyError::UnknownKey),
    }
}

/// The key with this id in a JWK Set, or in a document with one `key`.
pub(crate) fn find(set: &[u8], kid: Option<&str>) -> Result<Key, VerifyError> {
    let keys = keys_of(set)?;
    let mut known = keys.iter().take(MAX_KEYS).filter(|key| key.kid.as_deref() == kid && kid.is_some());
    let key = known.next().filter(|key| key.expired_at.is_none()).ok_or(VerifyError::UnknownKey)?;
    key.key().ok_or(VerifyError::UnknownKey)
}

/// All keys of a JWK Set that are of a known kind, 64 at most.
pub(crate) fn all(set: &[u8]) -> Result<Vec<Key>, VerifyError> {
    let keys = keys_of(set)?;
    let live = keys.iter().take(MAX_KEYS).filter(|key| key.expired_at.is_none());
    Ok(live.filter_map(Jwk::key).collect())
}
