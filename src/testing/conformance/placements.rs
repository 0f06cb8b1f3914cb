//! Which of several stores has a tenant.

use super::given::{MICRO, NOW, lookalikes, ok};
use super::subject::Subject;
use super::together::at_once;
use crate::id::Tenant;
use crate::store::{Placement, Placements};

fn placement(version: u64, shard: &str) -> Placement {
    let mut placement = Placement::new(shard);
    placement.version = version;
    placement
}

async fn place<S: Placements + ?Sized>(subject: &Subject<S>, tenant: &str, version: u64, shard: &str) -> bool {
    ok(subject.store.place(&tenant.into(), &placement(version, shard)).await)
}

/// A version is stored only over the version before it.
pub(super) async fn a_placement_is_stored_over_its_predecessor<S: Placements + ?Sized>(subject: &Subject<S>) {
    assert!(!place(subject, "acme", 0, "a").await && !place(subject, "acme", 2, "a").await, "there is none yet");
    assert_eq!(ok(subject.second.placement(&"acme".into()).await), None);
    assert!(place(subject, "acme", 1, "a").await);
    for version in [0, 1, 3] {
        assert!(!place(subject, "acme", version, "b").await, "{version}");
    }
    assert_eq!(ok(subject.second.placement(&"acme".into()).await), Some(placement(1, "a")), "nothing was changed");
    assert!(place(subject, "acme", 2, "b").await && !place(subject, "acme", 2, "c").await);
    assert_eq!(ok(subject.second.placement(&"acme".into()).await), Some(placement(2, "b")));
}

/// If several calls store the same version at the same time, one of them succeeds. This holds for a new placement and for a changed one.
pub(super) async fn of_concurrent_placements_one_wins<S: Placements + ?Sized>(subject: &Subject<S>) {
    for version in 1..4 {
        let stored = at_once(subject, 8, |caller, store| async move {
            let placement = placement(version, &caller.to_string());
            ok(store.place(&"acme".into(), &placement).await).then_some(placement)
        });
        let stored: Vec<_> = stored.await.into_iter().flatten().collect();
        assert_eq!(stored.len(), 1, "version {version}");
        assert_eq!(ok(subject.store.placement(&"acme".into()).await).as_ref(), stored.first());
    }
}

/// Every field is kept, also where names differ only in case, accents or spaces.
pub(super) async fn a_placement_reads_back_whole<S: Placements + ?Sized>(subject: &Subject<S>) {
    let names = lookalikes();
    let whole = |name: &str| {
        let mut placement = Placement::new(name);
        placement.moving_to = Some(format!("{name} to").into());
        placement.is_frozen = true;
        placement.former = vec![("ä \" '".into(), NOW - MICRO), (format!("{name} from").into(), NOW)];
        placement
    };
    for name in &names {
        assert!(ok(subject.store.place(&Tenant::from(name.as_str()), &whole(name)).await), "{name:?}");
    }
    for name in &names {
        let tenant = Tenant::from(name.as_str());
        assert_eq!(ok(subject.second.placement(&tenant).await), Some(whole(name)), "{name:?}");
        assert!(ok(subject.second.place(&tenant, &placement(2, name)).await));
        assert_eq!(ok(subject.store.placement(&tenant).await), Some(placement(2, name)), "no field is left over");
    }
}

/// Only tenants that are being moved are listed, in pages, in the order of their names.
pub(super) async fn moves_that_are_under_way_are_listed<S: Placements + ?Sized>(subject: &Subject<S>) {
    for name in ["d", "b", "a", "c", "e"] {
        let mut placement = Placement::new("here");
        placement.moving_to = (name != "c").then(|| "there".into());
        assert!(ok(subject.store.place(&name.into(), &placement).await));
    }
    let names = async |after: Option<&str>, limit| {
        let after = after.map(Tenant::from);
        let moving = ok(subject.second.moving(after.as_ref(), limit).await);
        assert!(moving.iter().all(|(_, placement)| placement.moving_to.as_deref() == Some("there")));
        moving.iter().map(|(tenant, _)| tenant.to_string()).collect::<String>()
    };
    assert_eq!(names(None, 9).await, "abde");
    assert_eq!(names(None, 2).await, "ab");
    assert_eq!(names(Some("b"), 2).await, "de");
    assert_eq!(names(Some("e"), 2).await, "");
    assert_eq!(names(None, 0).await, "");
    assert!(place(subject, "a", 2, "there").await);
    assert_eq!(names(None, 9).await, "bde", "this move has ended");
}
