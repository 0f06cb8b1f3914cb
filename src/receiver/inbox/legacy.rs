//! Queues that earlier versions have stored under a digest of their name. The migration has made a queue name of this digest.

use sha2::{Digest, Sha256};

use crate::id::QueueName;

/// The queue that holds the jobs that an earlier version has stored for the queue of this name. Its name is the first sixteen bytes
/// of the digest that this version used, in hexadecimal.
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
