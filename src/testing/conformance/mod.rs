//! What every store must do: one list of cases, each its own test, over every backend.
//!
//! A case panics when the store breaks the contract. [`store_conformance!`](crate::store_conformance) and
//! [`dedup_conformance!`](crate::dedup_conformance) stamp one `#[tokio::test]` per case; give them the path of an async
//! function that makes a fresh [`Subject`] or [`DedupSubject`]. Other harnesses take the cases as a list: [`cases`] and [`dedup_cases`].
//!
//! ```no_run
//! # mod example {
//! use std::sync::Arc;
//! use hookwire::store::MemoryStore;
//! use hookwire::testing::conformance::Subject;
//!
//! async fn memory() -> Subject {
//!     let store = MemoryStore::new();
//!     Subject::new(Arc::new(store.clone()), Arc::new(store))
//! }
//!
//! hookwire::store_conformance!(memory);
//! # }
//! ```
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::cognitive_complexity,
    reason = "a case panics when the store breaks the contract; that is its purpose, and each assertion is a branch"
)]

use std::pin::Pin;

mod control;
mod dedup;
mod directory;
mod history;
mod leases;
mod order;
mod outbox;
mod repeats;
mod roster;
mod subject;
mod work;

pub use self::control::{
    a_cancelled_head_lets_the_next_follow, cancel_ends_the_lease, disable_fails_the_delivery_and_disables_the_endpoint,
    enabling_forgives_failures, events_obey_the_query_and_page_without_gaps,
    expunge_forgets_the_payload_and_cancels_what_is_owed, owe_adds_a_delivery_to_a_stored_event,
    resend_makes_a_finished_delivery_pending_again, settle_keeps_the_endpoints_health,
    waiting_counts_what_is_pending_up_to_a_bound,
};
pub use self::dedup::{
    a_dedup_prune_forgets_expired_records_only, a_dedup_prune_is_bounded, a_key_repeated_in_a_batch_is_busy,
    abandon_makes_it_fresh_again, abandon_with_a_lost_lease_changes_nothing, an_ended_lease_begins_again,
    done_answers_the_first_answer, done_is_forgotten_when_it_expires, finish_is_visible_to_a_second_handle,
    finish_with_a_lost_lease_changes_nothing, forget_leaves_unfinished_records_alone, forget_makes_a_group_fresh_again,
    of_concurrent_beginnings_one_is_fresh,
};
pub use self::directory::{
    a_removed_endpoint_cannot_be_put_again, a_removed_endpoint_is_gone, a_tenants_cap_holds_under_concurrency,
    an_endpoint_reads_back_whole, list_of_one_tenant_shows_no_other, list_pages_in_id_order,
    of_concurrent_puts_one_wins, of_tenant_answers_disabled_ones_too, put_checks_the_version,
    remove_cancels_what_was_owed, remove_checks_the_version,
};
pub use self::history::{
    an_event_id_outlives_its_event, an_event_reads_back_whole, attempts_read_back_whole, counts_follow_the_states,
    deliveries_obey_the_query, deliveries_page_without_gaps, pending_reads_as_held_while_the_endpoint_is_disabled,
    prune_forgets_finished_work_only, prune_is_bounded, prune_keeps_an_event_that_is_still_owed,
    prune_makes_an_event_id_new_again, shed_forgets_the_payloads_of_finished_work_only,
};
pub use self::leases::{
    a_delivery_that_was_never_claimed_has_no_lease, a_failure_keeps_its_reason, a_retry_is_claimable_when_it_is_due,
    an_ended_lease_is_claimed_again_with_a_higher_fence, an_own_fault_does_not_use_up_an_attempt,
    an_unknown_delivery_is_a_lost_lease, blocked_flags_the_endpoint, empty_batches_are_answered_with_nothing,
    every_attempt_of_a_long_life_is_kept, extend_moves_the_end_of_a_valid_lease,
    extend_of_a_lost_lease_changes_nothing, gone_disables_the_endpoint, lanes_forgets_what_is_finished,
    lanes_lists_pending_work_in_pages, of_two_leases_in_one_batch_the_later_counts,
    one_lost_lease_leaves_the_rest_of_the_batch_alone, release_ends_the_lease, release_gives_the_attempt_back,
    settle_after_the_end_of_an_unclaimed_lease_counts, settle_records_the_attempt, settle_twice_counts_once,
    settle_with_a_lost_lease_changes_nothing,
};
pub use self::order::{
    a_failed_head_lets_the_next_follow, a_held_head_parks_its_key, an_ordered_delivery_is_never_born_leased,
    fifo_delivers_one_at_a_time_in_order, latest_supersedes_a_retry, latest_supersedes_what_waits,
};
pub use self::outbox::{
    a_born_leased_delivery_is_claimable_only_after_its_lease, a_conflict_leaves_the_rest_of_the_batch_alone,
    a_dropped_append_is_whole_or_absent, a_lane_without_an_endpoint_record_is_served, a_lease_excludes_other_claims,
    an_event_repeated_in_a_batch_is_a_duplicate, an_event_that_nobody_wants_is_kept,
    append_is_visible_to_a_second_handle, append_of_another_payload_under_the_same_id_is_a_conflict,
    append_of_the_same_event_is_a_duplicate, claim_answers_when_each_lane_is_due_next, claim_brings_the_event_whole,
    claim_leaves_a_disabled_endpoint_alone, claim_leaves_a_removed_endpoint_alone,
    claim_obeys_lanes_quotas_and_due_times, claim_takes_the_earliest_due_first, concurrent_appends_are_all_kept,
    concurrent_claims_never_overlap, equal_event_ids_of_two_tenants_are_two_events,
};
pub use self::repeats::{
    a_forgotten_event_is_received_again, signed_bytes_are_forgotten_with_the_id, signed_bytes_are_taken_beside_the_id,
};
pub use self::roster::{crews_are_counted_apart, who_has_left_is_not_counted, workers_of_a_crew_are_counted};
pub use self::subject::{DedupSubject, Subject};
pub use self::work::{
    a_query_for_a_lane_of_the_other_kind_finds_nothing, a_queue_is_claimed_and_settled_as_an_endpoint_is,
    a_queue_is_no_endpoint_whatever_its_name, a_queue_keeps_the_order_of_its_keys, a_received_event_reads_back_whole,
    an_event_id_is_taken_in_its_kind_of_work_only, control_changes_one_kind_of_work,
    events_of_an_inbox_are_found_as_such_only, history_shows_one_kind_of_work, lanes_lists_one_kind_of_work,
    prune_forgets_one_kind_of_work, shed_forgets_one_kind_of_work,
};

/// Stamps one test for each case of the sending roles. See [`testing::conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! store_conformance {
    ($make:path) => {
        $crate::store_conformance! { @all $make; stamp }
    };
    (@all $make:path; $then:ident) => {
        $crate::store_conformance! { @$then $make;
            append_is_visible_to_a_second_handle
            append_of_the_same_event_is_a_duplicate
            append_of_another_payload_under_the_same_id_is_a_conflict
            equal_event_ids_of_two_tenants_are_two_events
            a_conflict_leaves_the_rest_of_the_batch_alone
            an_event_repeated_in_a_batch_is_a_duplicate
            an_event_that_nobody_wants_is_kept
            a_dropped_append_is_whole_or_absent
            concurrent_appends_are_all_kept
            a_born_leased_delivery_is_claimable_only_after_its_lease
            claim_obeys_lanes_quotas_and_due_times
            claim_takes_the_earliest_due_first
            claim_answers_when_each_lane_is_due_next
            claim_brings_the_event_whole
            claim_leaves_a_disabled_endpoint_alone
            claim_leaves_a_removed_endpoint_alone
            a_lane_without_an_endpoint_record_is_served
            a_lease_excludes_other_claims
            concurrent_claims_never_overlap
            an_ended_lease_is_claimed_again_with_a_higher_fence
            settle_records_the_attempt
            settle_with_a_lost_lease_changes_nothing
            settle_after_the_end_of_an_unclaimed_lease_counts
            of_two_leases_in_one_batch_the_later_counts
            settle_twice_counts_once
            a_delivery_that_was_never_claimed_has_no_lease
            an_unknown_delivery_is_a_lost_lease
            empty_batches_are_answered_with_nothing
            every_attempt_of_a_long_life_is_kept
            one_lost_lease_leaves_the_rest_of_the_batch_alone
            a_retry_is_claimable_when_it_is_due
            a_failure_keeps_its_reason
            gone_disables_the_endpoint
            blocked_flags_the_endpoint
            an_own_fault_does_not_use_up_an_attempt
            extend_moves_the_end_of_a_valid_lease
            extend_of_a_lost_lease_changes_nothing
            release_gives_the_attempt_back
            release_ends_the_lease
            lanes_lists_pending_work_in_pages
            lanes_forgets_what_is_finished
            put_checks_the_version
            remove_checks_the_version
            a_tenants_cap_holds_under_concurrency
            waiting_counts_what_is_pending_up_to_a_bound
            a_removed_endpoint_cannot_be_put_again
            a_removed_endpoint_is_gone
            an_endpoint_reads_back_whole
            list_pages_in_id_order
            list_of_one_tenant_shows_no_other
            of_tenant_answers_disabled_ones_too
            of_concurrent_puts_one_wins
            remove_cancels_what_was_owed
            pending_reads_as_held_while_the_endpoint_is_disabled
            deliveries_obey_the_query
            deliveries_page_without_gaps
            attempts_read_back_whole
            an_event_reads_back_whole
            counts_follow_the_states
            prune_forgets_finished_work_only
            prune_is_bounded
            prune_keeps_an_event_that_is_still_owed
            prune_makes_an_event_id_new_again
            an_event_id_outlives_its_event
            shed_forgets_the_payloads_of_finished_work_only
            a_failed_head_lets_the_next_follow
            a_held_head_parks_its_key
            an_ordered_delivery_is_never_born_leased
            fifo_delivers_one_at_a_time_in_order
            latest_supersedes_a_retry
            latest_supersedes_what_waits
            a_cancelled_head_lets_the_next_follow
            cancel_ends_the_lease
            disable_fails_the_delivery_and_disables_the_endpoint
            enabling_forgives_failures
            events_obey_the_query_and_page_without_gaps
            expunge_forgets_the_payload_and_cancels_what_is_owed
            owe_adds_a_delivery_to_a_stored_event
            resend_makes_a_finished_delivery_pending_again
            settle_keeps_the_endpoints_health
            workers_of_a_crew_are_counted
            crews_are_counted_apart
            who_has_left_is_not_counted
            a_queue_is_claimed_and_settled_as_an_endpoint_is
            a_queue_is_no_endpoint_whatever_its_name
            a_received_event_reads_back_whole
            an_event_id_is_taken_in_its_kind_of_work_only
            signed_bytes_are_taken_beside_the_id
            signed_bytes_are_forgotten_with_the_id
            a_forgotten_event_is_received_again
            lanes_lists_one_kind_of_work
            history_shows_one_kind_of_work
            a_query_for_a_lane_of_the_other_kind_finds_nothing
            control_changes_one_kind_of_work
            events_of_an_inbox_are_found_as_such_only
            prune_forgets_one_kind_of_work
            shed_forgets_one_kind_of_work
            a_queue_keeps_the_order_of_its_keys
        }
    };
    (@stamp $make:path; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::testing::conformance::$case(&$make().await).await;
            }
        )*
    };
    (@list $of:path; $($case:ident)*) => {
        vec![$((stringify!($case), |subject| Box::pin($case(subject)))),*]
    };
}

/// Stamps one test for each case of the dedup role. See [`testing::conformance`](crate::testing::conformance).
#[macro_export]
macro_rules! dedup_conformance {
    ($make:path) => {
        $crate::dedup_conformance! { @all $make; stamp }
    };
    (@all $make:path; $then:ident) => {
        $crate::store_conformance! { @$then $make;
            of_concurrent_beginnings_one_is_fresh
            a_key_repeated_in_a_batch_is_busy
            an_ended_lease_begins_again
            finish_with_a_lost_lease_changes_nothing
            done_answers_the_first_answer
            done_is_forgotten_when_it_expires
            abandon_makes_it_fresh_again
            abandon_with_a_lost_lease_changes_nothing
            a_dedup_prune_forgets_expired_records_only
            a_dedup_prune_is_bounded
            finish_is_visible_to_a_second_handle
            forget_makes_a_group_fresh_again
            forget_leaves_unfinished_records_alone
        }
    };
}

/// A case of the conformance suite.
pub type Case<S> = for<'a> fn(&'a S) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The cases of the sending roles, by name.
#[must_use]
pub fn cases() -> Vec<(&'static str, Case<Subject>)> {
    store_conformance! { @all Subject; list }
}

/// The cases of the dedup role, by name.
#[must_use]
pub fn dedup_cases() -> Vec<(&'static str, Case<DedupSubject>)> {
    dedup_conformance! { @all DedupSubject; list }
}
