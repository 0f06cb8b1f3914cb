//! Queues as earlier versions stored them: under a digest of their name, of which the migration has made a name.

use sha2::{Digest, Sha256};

use crate::id::QueueName;

/// The queue that holds what an earlier version has kept for the queue of this name: the first sixteen bytes of the digest that
/// it used, in hexadecimal.
pub(super) fn queue(name: QueueName) -> Option<QueueName> {
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"hookwire inbox queue\0").chain_update(name.as_str()).finalize().into();
    let half = digest.get(..16)?;
    QueueName::new(&hex::encode(half)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_that_earlier_versions_used() {
        let old = queue(QueueName::new("mail").unwrap()).unwrap();
        assert_eq!(old.as_str(), "ec9296774afdf37987c046b5dce8963e");
    }
}
