//! Bulk jobs.

use super::drops::{Polls, dropped_after};
use super::given::{DAY, MICRO, MINUTE, NOW, lookalikes, ok, some, sorted, tenant};
use super::subject::{Subject, assert_ends};
use super::together::at_once;
use crate::clock::Timestamp;
use crate::id::Tenant;
use crate::store::{BulkJob, BulkJobs, FINISHED_JOBS_KEPT, Page};

/// More jobs than a case adds.
const MANY: u32 = 1_000;

/// The owner of a job: a tenant, or operators.
type Owner<'a> = Option<&'a str>;

fn job(owner: Owner<'_>, wake_at: Timestamp, content: &str) -> BulkJob {
    BulkJob::new(owner.map(tenant), wake_at, content)
}

/// The next version of a job, as a worker stores it when the job is finished.
fn finished(job: &BulkJob) -> BulkJob {
    BulkJob { wake_at: None, version: job.version + 1, ..job.clone() }
}

/// The next version of a job, to be taken up at this time.
fn postponed(job: &BulkJob, wake_at: Timestamp) -> BulkJob {
    BulkJob { wake_at: Some(wake_at), version: job.version + 1, ..job.clone() }
}

async fn try_add<S: BulkJobs + ?Sized>(subject: &Subject<S>, owner: Owner<'_>, most_open: u32) -> Option<u64> {
    ok(subject.store.add_job(job(owner, NOW, "{}"), most_open).await)
}

async fn add<S: BulkJobs + ?Sized>(subject: &Subject<S>, owner: Owner<'_>, wake_at: Timestamp) -> u64 {
    some(ok(subject.store.add_job(job(owner, wake_at, "{}"), MANY).await))
}

async fn stored<S: BulkJobs + ?Sized>(subject: &Subject<S>, number: u64) -> BulkJob {
    some(ok(subject.second.job(number).await))
}

async fn update<S: BulkJobs + ?Sized>(subject: &Subject<S>, job: &BulkJob) -> bool {
    ok(subject.store.update_job(job).await)
}

async fn finish<S: BulkJobs + ?Sized>(subject: &Subject<S>, number: u64) {
    let job = stored(subject, number).await;
    assert!(update(subject, &finished(&job)).await, "this is the next version of job {number}");
}

/// The jobs of a tenant, or of every owner, read page by page through the second handle.
async fn pages<S: BulkJobs + ?Sized>(subject: &Subject<S>, of: Owner<'_>, mut page: Page<u64>) -> Vec<BulkJob> {
    let of = of.map(tenant);
    let mut all = Vec::new();
    for rounds in 0.. {
        assert_ends(rounds);
        let found = ok(subject.second.jobs(of.as_ref(), page).await);
        assert!(found.items.len() <= page.limit as usize, "a page has at most as many jobs as its limit");
        all.extend(found.items);
        let Some(next) = found.next else { break };
        page = page.after(next);
    }
    all
}

fn numbers(jobs: &[BulkJob]) -> Vec<u64> {
    jobs.iter().map(|job| job.number).collect()
}

async fn listed<S: BulkJobs + ?Sized>(subject: &Subject<S>, of: Owner<'_>) -> Vec<u64> {
    numbers(&pages(subject, of, Page::of(100)).await)
}

async fn due<S: BulkJobs + ?Sized>(subject: &Subject<S>, now: Timestamp, limit: u32) -> Vec<u64> {
    numbers(&ok(subject.second.due_jobs(now, limit).await))
}

/// Each job gets a higher number than all jobs before, for every handle and every owner. The store ignores the number in the new job.
pub(super) async fn jobs_get_rising_numbers<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let mut all = Vec::new();
    for (place, owner) in [Some("acme"), None, Some("other"), None, Some("acme")].into_iter().enumerate() {
        let job = BulkJob { number: 3, ..job(owner, NOW, "{}") };
        all.push(some(ok(subject.handle(place).add_job(job, MANY).await)));
    }
    assert!(all[0] > 0 && all.is_sorted_by(|one, next| one < next), "{all:?}");
    let added = at_once(subject, 16, |caller, store| async move {
        let owner = (!caller.is_multiple_of(3)).then_some("acme");
        some(ok(store.add_job(job(owner, NOW, "{}"), MANY).await))
    });
    let added = sorted(added.await);
    assert!(added[0] > all[4], "{added:?} after {all:?}");
    all.extend(added);
    assert_eq!(listed(subject, None).await, all, "no two jobs have the same number");
}

/// A job is refused if the owner has too many that are not finished. A refusal changes nothing, and each finished job makes room for one.
pub(super) async fn an_owner_has_a_bounded_number_of_open_jobs<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    for owner in [Some("acme"), None] {
        assert_eq!(try_add(subject, owner, 0).await, None, "{owner:?}");
        let before = listed(subject, None).await;
        // A job that is due later, or that a worker works on, is open too.
        let first = some(ok(subject.store.add_job(job(owner, NOW + DAY, "{}"), 2).await));
        let second = some(ok(subject.second.add_job(job(owner, Timestamp::from_micros(-1), "{}"), 2).await));
        assert_eq!(try_add(subject, owner, 2).await, None, "{owner:?}");
        assert_eq!(try_add(subject, owner, 1).await, None, "{owner:?}: the limit may be lower than the number");
        let open = [before, vec![first, second]].concat();
        assert_eq!(listed(subject, None).await, open, "{owner:?}: a refused job is not stored");
        finish(subject, first).await;
        let third = some(try_add(subject, owner, 2).await);
        assert_eq!(try_add(subject, owner, 2).await, None, "{owner:?}: one finished job makes room for one");
        assert_eq!(listed(subject, None).await, [open, vec![third]].concat());
        assert!(try_add(subject, owner, 3).await.is_some(), "{owner:?}");
    }
}

/// The limit holds if many callers add jobs at the same time.
pub(super) async fn concurrent_jobs_of_an_owner_are_bounded<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    for owner in [Some("a"), None, Some("b"), Some("c"), Some("d")] {
        let added = at_once(subject, 12, |_, store| async move {
            let job = job(owner, NOW, "{}");
            ok(store.add_job(job, 3).await)
        });
        let added: Vec<_> = added.await.into_iter().flatten().collect();
        assert_eq!(added.len(), 3, "{owner:?}: {added:?}");
        let stored = pages(subject, owner, Page::of(100)).await;
        let of_owner = stored.iter().filter(|job| job.tenant == owner.map(tenant));
        assert_eq!(of_owner.map(|job| job.number).collect::<Vec<_>>(), sorted(added), "{owner:?}");
    }
}

/// Open jobs are counted for each owner, and owners are compared byte by byte.
pub(super) async fn open_jobs_of_other_owners_do_not_count<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let names = lookalikes();
    let owners = || names.iter().map(|name| Some(name.as_str())).chain([None]);
    for owner in owners() {
        assert!(try_add(subject, owner, 1).await.is_some(), "{owner:?}");
    }
    for owner in owners() {
        assert_eq!(try_add(subject, owner, 1).await, None, "{owner:?}");
    }
}

/// Adds jobs of an owner, finishes them, and returns their numbers.
async fn add_finished<S: BulkJobs + ?Sized>(subject: &Subject<S>, owner: Option<&'static str>, count: u32) -> Vec<u64> {
    let count = count as usize;
    let added = at_once(subject, count, |_, store| async move {
        let job = job(owner, NOW, "{}");
        some(ok(store.add_job(job, MANY).await))
    });
    let added = sorted(added.await);
    let updated = at_once(subject, count, |caller, store| {
        let job = BulkJob { number: added[caller], ..job(owner, NOW, "{}") };
        async move { ok(store.update_job(&finished(&job)).await) }
    });
    assert!(updated.await.into_iter().all(|updated| updated));
    added
}

/// When a job is added, the oldest finished jobs of its owner are deleted. Newer ones, open ones and those of other owners remain.
pub(super) async fn old_finished_jobs_make_room<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let mut kept = Vec::new();
    for owner in [Some("acme"), Some("ACME"), None, Some("acme")] {
        kept.push(add(subject, owner, NOW).await);
    }
    // A finished job of an owner with a similar name, and open jobs that are older than everything that follows, remain.
    for number in [kept[0], kept[1]] {
        finish(subject, number).await;
    }
    let (oldest, mut kept) = (kept[0], kept[1..].to_vec());
    for owner in [Some("acme"), None] {
        let added = add_finished(subject, owner, FINISHED_JOBS_KEPT + 2).await;
        let before = listed(subject, None).await;
        assert!(added.iter().all(|number| before.contains(number)), "{owner:?}: they are deleted when a job is added");
        let next = add(subject, owner, NOW).await;
        assert!(next > added[FINISHED_JOBS_KEPT as usize + 1], "{owner:?}: a number is not used again");
        kept.extend(&added[2..]);
        kept.push(next);
        assert_eq!(listed(subject, None).await, kept, "{owner:?}");
        assert_eq!(ok(subject.store.job(added[1]).await), None, "{owner:?}");
    }
    assert_eq!(ok(subject.second.job(oldest).await), None);
    kept.push(add(subject, Some("acme"), NOW).await);
    assert_eq!(listed(subject, None).await, kept, "no more than {FINISHED_JOBS_KEPT} are finished");
}

/// A version is stored over the version before it only. A refused update changes nothing.
pub(super) async fn an_update_needs_the_next_version<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let number = add(subject, Some("acme"), NOW).await;
    let bystander = stored(subject, add(subject, Some("acme"), NOW).await).await;
    let first = stored(subject, number).await;
    assert_eq!(first.version, 1);
    let version = |version: u64| BulkJob { version, content: version.to_string().into(), ..first.clone() };
    for other in [0, 1, 3, 4] {
        assert!(!update(subject, &version(other)).await, "{other} over 1");
        assert_eq!(stored(subject, number).await, first, "{other} over 1");
    }
    assert!(update(subject, &version(2)).await);
    assert!(!ok(subject.second.update_job(&version(2)).await), "this version is stored already");
    assert!(ok(subject.second.update_job(&version(3)).await));
    for stale in [1, 2, 3, 5] {
        assert!(!update(subject, &version(stale)).await, "{stale} over 3");
    }
    assert_eq!(stored(subject, number).await, version(3));
    let unknown = BulkJob { number: bystander.number + 1, ..version(2) };
    for unknown in [unknown.clone(), BulkJob { version: 1, ..unknown.clone() }, BulkJob { number: 0, ..unknown }] {
        assert!(!update(subject, &unknown).await, "no job has the number {}", unknown.number);
    }
    assert_eq!(pages(subject, None, Page::of(9)).await, [version(3), bystander], "other jobs are as before");
}

/// If several workers update a job to the same version at the same time, one of them succeeds.
pub(super) async fn of_concurrent_updates_of_a_job_one_wins<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let number = add(subject, None, NOW).await;
    for version in 2..6 {
        let updated = at_once(subject, 8, |caller, store| async move {
            let job = BulkJob { number, version, ..job(None, NOW, &caller.to_string()) };
            ok(store.update_job(&job).await).then_some(job)
        });
        let updated: Vec<_> = updated.await.into_iter().flatten().collect();
        assert_eq!(updated.len(), 1, "version {version}");
        assert_eq!(Some(stored(subject, number).await), updated.first().cloned());
    }
}

/// A finished job with a next version is open again: it is due, and it counts.
pub(super) async fn a_finished_job_can_be_opened_again<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let number = add(subject, Some("acme"), NOW).await;
    finish(subject, number).await;
    let over = stored(subject, number).await;
    assert_eq!((over.wake_at, over.version), (None, 2));
    assert!(
        !update(subject, &BulkJob { version: 2, ..postponed(&over, NOW) }).await,
        "a stale update does not open it"
    );
    assert_eq!(due(subject, NOW + DAY, 9).await, [] as [u64; 0]);
    assert!(update(subject, &BulkJob { content: "again".into(), ..postponed(&over, NOW + MINUTE) }).await);
    assert_eq!(due(subject, NOW + MINUTE, 9).await, [number]);
    assert_eq!(try_add(subject, Some("acme"), 1).await, None, "it counts as open");
    assert_eq!((&*stored(subject, number).await.content, stored(subject, number).await.version), ("again", 3));
}

/// An update with another owner changes everything else.
pub(super) async fn an_update_keeps_number_and_owner<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    for (owner, other) in [(Some("acme"), Some("other")), (Some("mine"), None), (None, Some("other"))] {
        let number = some(try_add(subject, owner, 1).await);
        let before = stored(subject, number).await;
        let changed = BulkJob { tenant: other.map(tenant), content: "new".into(), ..postponed(&before, NOW + MINUTE) };
        assert!(update(subject, &changed).await);
        let expected = BulkJob { tenant: owner.map(tenant), ..changed };
        assert_eq!(stored(subject, number).await, expected);
        assert_eq!(try_add(subject, owner, 1).await, None, "the job counts for {owner:?}");
        assert_eq!(pages(subject, None, Page::of(1).newest_first()).await.first(), Some(&expected));
        if let Some(name) = owner {
            assert_eq!(listed(subject, Some(name)).await, [number]);
        }
    }
    assert_eq!(listed(subject, Some("other")).await, [] as [u64; 0], "no job was given away");
}

/// Every field is kept, also if the content is long, empty or in any script.
pub(super) async fn a_job_reads_back_whole<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let unit = "größe ' '' \\ \\n \" %_ $1 ?1 \r\n\t\u{1} 名前 \u{1f980} a\u{301}\u{feff} ";
    let long = &*unit.repeat(16 * 1024 / unit.len());
    let padded = format!(" {}\n", "x".repeat(16 * 1024 - 2));
    let times = [NOW + MICRO, Timestamp::from_micros(-1), Timestamp::EPOCH, Timestamp::MAX];
    let owners = [Some("größer ' acme"), None, Some("ACME"), Some("acme ")];
    for ((owner, wake_at), content) in owners.into_iter().zip(times).zip([long, "", padded.as_str(), "null"]) {
        let added = job(owner, wake_at, content);
        let number = some(ok(subject.store.add_job(added.clone(), MANY).await));
        let added = BulkJob { number, ..added };
        assert_eq!(stored(subject, number).await, added);
        assert_eq!(pages(subject, None, Page::of(1).newest_first()).await.first(), Some(&added));
        assert!(ok(subject.second.due_jobs(wake_at, 99).await).contains(&added));
        for content in [content, long, "", padded.as_str()] {
            let before = stored(subject, number).await;
            let updated = BulkJob { content: content.into(), ..postponed(&before, wake_at) };
            assert!(update(subject, &updated).await);
            assert_eq!(stored(subject, number).await, updated);
        }
        finish(subject, number).await;
        assert_eq!(
            stored(subject, number).await,
            BulkJob { wake_at: None, version: 6, content: padded.as_str().into(), ..added }
        );
    }
}

/// A tenant's list has the jobs of this tenant only. The list of all owners has those of operators too.
pub(super) async fn jobs_are_listed_by_owner<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let names = lookalikes();
    let (mut of_names, mut all) = (vec![Vec::new(); names.len()], Vec::new());
    for round in 0..2 {
        for (name, of_name) in names.iter().zip(&mut of_names) {
            let number = add(subject, Some(name), NOW - MINUTE * round).await;
            of_name.push(number);
            all.extend([number, add(subject, None, NOW).await]);
        }
    }
    // A finished job is listed too, and an update does not move a job.
    finish(subject, of_names[0][0]).await;
    for (name, of_name) in names.iter().zip(&of_names) {
        assert_eq!(listed(subject, Some(name)).await, *of_name, "{name:?}");
        let first = pages(subject, Some(name), Page::of(1)).await;
        assert!(first.iter().all(|job| job.tenant == Some(Tenant::from(name.as_str()))), "{name:?}");
    }
    assert_eq!(listed(subject, None).await, all);
    assert_eq!(listed(subject, Some("nobody")).await, [] as [u64; 0]);
}

/// Pages follow one another in both directions, and none repeats or leaves out a job, although the numbers of other owners lie between.
pub(super) async fn jobs_are_listed_in_pages<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let mut all = Vec::new();
    for owner in [Some("acme"), None, Some("other"), Some("acme"), Some("acme"), None, Some("acme")] {
        all.push(add(subject, owner, NOW).await);
    }
    let of_acme = [0, 3, 4, 6].map(|place| all[place]).to_vec();
    for (of, expected) in [(None, all.clone()), (Some("acme"), of_acme.clone())] {
        for limit in [1, 2, 3, 4, 7, 8] {
            let page = Page::of(limit);
            assert_eq!(numbers(&pages(subject, of, page).await), expected, "{of:?}, {limit}");
            let newest: Vec<_> = expected.iter().rev().copied().collect();
            assert_eq!(numbers(&pages(subject, of, page.newest_first()).await), newest, "{of:?}, {limit}");
        }
        for page in [Page::of(0), Page::of(0).newest_first()] {
            let nothing = ok(subject.store.jobs(of.map(tenant).as_ref(), page).await);
            assert!(nothing.items.is_empty() && nothing.next.is_none(), "a page of 0: {nothing:?}");
        }
    }
    // The cursor may be a job of another owner.
    let after = |page: Page<u64>| page.after(all[2]);
    assert_eq!(numbers(&pages(subject, Some("acme"), after(Page::of(2))).await), of_acme[1..]);
    assert_eq!(numbers(&pages(subject, Some("acme"), after(Page::of(2).newest_first())).await), of_acme[..1]);
}

/// A job is due at its time and not a microsecond earlier. The earliest come first, whoever owns them.
pub(super) async fn due_jobs_are_those_whose_time_has_come<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    assert_eq!(due(subject, Timestamp::MAX, 9).await, [] as [u64; 0]);
    let late = add(subject, Some("acme"), NOW).await;
    let later = add(subject, None, NOW + MICRO).await;
    let early = add(subject, Some("other"), NOW - MINUTE).await;
    let earliest = add(subject, None, Timestamp::from_micros(-1)).await;
    let over = add(subject, Some("acme"), NOW - MINUTE * 2).await;
    finish(subject, over).await;
    assert_eq!(due(subject, NOW, 9).await, [earliest, early, late]);
    assert_eq!(due(subject, NOW - MICRO, 9).await, [earliest, early]);
    assert_eq!(due(subject, NOW + MICRO, 9).await, [earliest, early, late, later]);
    assert_eq!(due(subject, Timestamp::from_micros(-2), 9).await, [] as [u64; 0]);
    for (limit, expected) in [(0, vec![]), (1, vec![earliest]), (2, vec![earliest, early])] {
        assert_eq!(due(subject, Timestamp::MAX, limit).await, expected, "{limit}");
    }
    assert_eq!(due(subject, NOW, 9).await, [earliest, early, late], "reading a job does not take it");
}

/// An update decides when a job is due next, or that it is finished.
pub(super) async fn due_jobs_follow_their_updates<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let numbers = [add(subject, None, NOW).await, add(subject, Some("acme"), NOW + MICRO).await];
    let taken = postponed(&stored(subject, numbers[0]).await, NOW + MINUTE);
    assert!(update(subject, &taken).await);
    assert_eq!(due(subject, NOW + MINUTE - MICRO, 9).await, [numbers[1]], "a worker has taken the first one");
    assert_eq!(due(subject, NOW + MINUTE, 9).await, [numbers[1], numbers[0]], "another may take it over");
    assert!(update(subject, &postponed(&taken, NOW - MINUTE)).await);
    assert_eq!(due(subject, NOW + DAY, 9).await, numbers);
    for (number, left) in [(numbers[0], vec![numbers[1]]), (numbers[1], vec![])] {
        finish(subject, number).await;
        assert_eq!(due(subject, Timestamp::MAX, 9).await, left);
    }
}

/// A dropped call has added its job, or has added nothing.
pub(super) async fn a_dropped_job_is_added_or_absent<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let owner = format!("acme-{polls}");
        let added = |content: &str| job(Some(&owner), NOW, content);
        last = dropped_after(polls, subject.store.add_job(added("first"), 1)).await;
        let again = ok(subject.second.add_job(added("again"), 1).await);
        let found = pages(subject, Some(&owner), Page::of(9)).await;
        assert_eq!(found.len(), 1, "after {polls} polls: {found:?}");
        let content = if again.is_some() { "again" } else { "first" };
        assert_eq!(found.first(), Some(&BulkJob { number: found[0].number, ..added(content) }), "after {polls} polls");
    }
}

/// A dropped update has stored the complete next version, or nothing.
pub(super) async fn a_dropped_update_of_a_job_is_whole_or_absent<S: BulkJobs + ?Sized>(subject: &Subject<S>) {
    let (mut polls, mut last) = (Polls::new(), None);
    while let Some(polls) = polls.next(last.as_ref()) {
        let before = stored(subject, add(subject, Some("acme"), NOW).await).await;
        let first = BulkJob { content: "first".into(), ..finished(&before) };
        let again = BulkJob { content: "again".into(), ..postponed(&before, NOW + MINUTE) };
        last = dropped_after(polls, subject.store.update_job(&first)).await;
        let is_repeated = ok(subject.second.update_job(&again).await);
        let expected = if is_repeated { again } else { first };
        assert_eq!(stored(subject, before.number).await, expected, "after {polls} polls");
    }
}
