//! The id of an endpoint that a form creates.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::Builder;

use crate::clock::Timestamp;
use crate::id::{EndpointId, Tenant};
use crate::sender::Scope;

/// How old a form may be, so that the endpoint that it creates is listed at the time of the form.
const DAY: Duration = Duration::from_secs(86_400);

/// The id of the endpoint that a form with this nonce creates: the same one each time, for a day. Callers choose the nonce. Without a hash,
/// they could choose the id of an endpoint, or find the id of another tenant's endpoint. So the random part of the id is a hash of the
/// nonce, the kind of caller and the tenant.
pub(super) fn id_of(nonce: EndpointId, scope: &Scope, tenant: &Tenant, now: Timestamp) -> EndpointId {
    let mut hash = Sha256::new_with_prefix(b"hookwire console: the endpoint of a form\0");
    hash.update(if scope.as_tenant().is_some() { [1] } else { [0] });
    hash.update(nonce.as_bytes());
    hash.update(tenant.as_str());
    let mut random = [0; 10];
    random.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    let millis = u64::try_from(time_of(nonce, now).as_millis()).unwrap_or(0);
    EndpointId::from_bytes(*Builder::from_unix_timestamp_millis(millis, &random).as_uuid().as_bytes())
}

/// The time in the nonce if it is within a day of now. Otherwise the begin of the day, because a form that is sent twice at about the same
/// time must create one endpoint.
fn time_of(nonce: EndpointId, now: Timestamp) -> Timestamp {
    let millis = u128::from_be_bytes(*nonce.as_bytes()) >> 80;
    let at = i64::try_from(millis).map_or(Timestamp::MAX, Timestamp::from_millis);
    let seconds = i64::try_from(DAY.as_secs()).unwrap_or(i64::MAX);
    if (now - DAY..=now + DAY).contains(&at) { at } else { Timestamp::from_secs(now.as_secs() / seconds * seconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn of(nonce: EndpointId, tenant: &str, now: Timestamp) -> EndpointId {
        id_of(nonce, &Scope::tenant(tenant), &tenant.into(), now)
    }

    #[test]
    fn one_nonce_makes_one_id_for_one_caller_and_tenant() {
        let nonce = EndpointId::generate(NOW);
        let id = of(nonce, "acme", NOW);
        assert_eq!(of(nonce, "acme", NOW + DAY / 2), id);
        let others = [
            nonce,
            of(nonce, "other", NOW),
            of(EndpointId::generate(NOW), "acme", NOW),
            id_of(nonce, &Scope::operator(), &"acme".into(), NOW),
        ];
        assert!(!others.contains(&id), "{id} {others:?}");
    }

    #[test]
    fn the_id_is_a_uuid_of_version_7_with_a_time_near_now() {
        let millis = |id: EndpointId| u128::from_be_bytes(*id.as_bytes()) >> 80;
        let now = u128::try_from(NOW.as_millis()).unwrap();
        let nonces = [[0; 16], [0xff; 16], *EndpointId::generate(NOW + DAY * 3).as_bytes()].map(EndpointId::from_bytes);
        for nonce in nonces {
            let id = of(nonce, "acme", NOW);
            assert!(now - millis(id) < DAY.as_millis(), "{id}");
            assert_eq!((id.as_bytes()[6] >> 4, id.as_bytes()[8] >> 6), (7, 0b10), "{id}");
            assert_eq!(of(nonce, "acme", NOW + Duration::from_secs(60)), id, "it is sent twice");
        }
        let near = EndpointId::generate(NOW - DAY / 2);
        assert_eq!(millis(of(near, "acme", NOW)), millis(near));
    }
}
