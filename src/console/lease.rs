//! Whether an attempt is running now.

use super::salvage::Unreadable;
use crate::clock::Timestamp;
use crate::delivery::{Attempt, Delivery, DeliveryState};
use crate::outcome::Outcome;

/// When the lease of the attempt that is running now ends; `None` if none is known to run.
///
/// A claim counts its attempt before there is a record of it, and while it is leased, a delivery is due when its lease ends. One case is
/// not recognized: the first attempt after a resend, if the last attempt before the resend was the first one too.
pub(super) fn running_until(
    delivery: &Delivery,
    last: Result<Option<&Attempt>, Unreadable>,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_ahead = now < delivery.due && delivery.due != Timestamp::MAX;
    let may_run = delivery.state == DeliveryState::Pending && delivery.attempts > 0 && is_ahead;
    let recorded = match last.ok()? {
        // A fault on this side does not count: the next attempt has the same number.
        Some(last) if last.outcome == Outcome::Local => last.number.saturating_sub(1),
        Some(last) => last.number,
        None => 0,
    };
    (may_run && delivery.attempts != recorded).then_some(delivery.due)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::EventType;
    use crate::id::{DeliveryId, EndpointId, EventId};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn delivery(attempts: u32, due: Timestamp) -> Delivery {
        let (event, kind) = (EventId::new("e").unwrap(), EventType::new("a.b").unwrap());
        let lane = EndpointId::generate(NOW).into();
        let mut delivery = Delivery::new(DeliveryId::generate(NOW), lane, "acme".into(), event, kind);
        (delivery.attempts, delivery.due) = (attempts, due);
        delivery
    }

    #[test]
    fn an_attempt_runs_if_it_is_counted_and_not_recorded_and_its_lease_has_not_ended() {
        let (ahead, status) = (NOW + Duration::from_secs(30), Outcome::Status(500));
        let cases = [
            (0, ahead, None, false),
            (1, ahead, None, true),
            (1, NOW, None, false),
            (1, Timestamp::MAX, None, false),
            (1, ahead, Some((1, status)), false),
            (2, ahead, Some((1, status)), true),
            (1, ahead, Some((3, status)), true),
            (0, ahead, Some((1, Outcome::Local)), false),
            (1, ahead, Some((1, Outcome::Local)), true),
            (2, ahead, Some((3, Outcome::Local)), false),
        ];
        for (attempts, due, last, is_running) in cases {
            let last = last.map(|(number, outcome)| Attempt::new(number, NOW, Duration::ZERO, outcome));
            let found = running_until(&delivery(attempts, due), Ok(last.as_ref()), NOW);
            assert_eq!(found, is_running.then_some(due), "{attempts} {last:?}");
        }
        assert_eq!(running_until(&delivery(1, ahead), Err(Unreadable), NOW), None);
        let mut delivered = delivery(1, ahead);
        delivered.state = DeliveryState::Delivered;
        assert_eq!(running_until(&delivered, Ok(None), NOW), None);
    }
}
