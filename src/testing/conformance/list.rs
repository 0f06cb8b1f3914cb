//! The only list of cases, by role and by the file that contains each case.

/// The cases of one role. `@stamp` makes a test of each case, `@list` makes a [`Case`](super::Case).
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_cases {
    (outbox => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then outbox $with
            append:
                append_is_visible_to_a_second_handle
                append_of_the_same_event_is_a_duplicate
                append_of_a_delivered_event_is_a_duplicate
                append_of_another_payload_under_the_same_id_is_a_conflict
                equal_event_ids_of_two_tenants_are_two_events
                a_conflict_leaves_the_rest_of_the_batch_alone
                an_event_repeated_in_a_batch_is_a_duplicate
                every_event_of_a_batch_is_stored
                an_event_may_be_owed_twice_to_one_lane
                an_event_without_subscribers_is_kept
                a_born_leased_delivery_is_claimable_only_after_its_lease
                a_born_lease_is_a_lease_like_any_other
                an_ordered_delivery_is_never_born_leased
                an_event_id_is_taken_in_its_kind_of_work_only;
            claim:
                claim_obeys_lanes_quotas_and_due_times
                claim_serves_every_lane_up_to_its_quota
                a_quota_of_zero_claims_nothing
                claim_takes_the_earliest_due_first
                due_times_count_to_the_microsecond
                claim_returns_when_each_lane_is_due_next
                claim_returns_what_its_quota_has_left
                a_lane_without_an_endpoint_record_is_served
                a_lease_excludes_other_claims
                an_ended_lease_is_claimed_again_with_a_higher_fence
                empty_batches_are_answered_with_nothing;
            lease:
                settle_with_a_lost_lease_changes_nothing
                a_lease_with_another_fence_is_lost
                of_two_leases_in_one_batch_the_later_counts
                settle_after_the_end_of_an_unclaimed_lease_counts
                a_settlement_ends_the_lease
                what_is_final_or_held_is_not_claimed
                a_delivery_that_was_never_claimed_has_no_lease
                an_unknown_delivery_is_a_lost_lease
                one_lost_lease_leaves_the_rest_of_the_batch_alone
                a_retry_is_claimable_when_it_is_due
                a_local_fault_does_not_use_up_an_attempt
                extend_moves_the_end_of_a_valid_lease
                extend_after_the_end_of_an_unclaimed_lease_counts
                extend_of_a_lost_lease_changes_nothing
                release_gives_the_attempt_back
                release_ends_the_lease
                release_of_a_lost_lease_changes_nothing;
            order:
                fifo_delivers_one_at_a_time_in_order
                what_waits_for_its_turn_is_not_due
                fifo_follows_the_order_of_appending
                a_failed_head_lets_the_next_follow
                a_held_head_parks_its_key
                an_unfinished_head_keeps_its_place
                a_key_that_is_free_is_due_at_once
                latest_supersedes_what_waits
                latest_supersedes_within_a_batch
                latest_supersedes_a_retry
                deliveries_without_a_key_never_wait;
            lanes:
                lanes_lists_pending_work_in_pages
                lanes_forgets_what_is_finished
                lanes_lists_one_kind_of_work;
            queues:
                a_queue_is_claimed_and_settled_as_an_endpoint_is
                a_queue_keeps_the_order_of_its_keys
                signed_bytes_are_taken_beside_the_id;
            exact:
                claim_brings_the_event_whole
                a_batch_of_events_is_claimed_whole
                similar_tenants_are_distinct
                similar_event_ids_are_distinct
                similar_ordering_keys_are_distinct
                a_queue_is_never_an_endpoint_whatever_its_name
                due_times_may_be_far_away;
            drops:
                a_dropped_append_is_whole_or_absent
                a_dropped_append_leaves_its_key_in_order
                a_dropped_claim_loses_nothing
                a_dropped_settlement_is_whole_or_absent
                a_dropped_settlement_lets_its_key_go_on
                a_dropped_release_is_whole_or_absent;
            together:
                concurrent_appends_are_all_kept
                of_concurrent_appends_of_one_event_one_is_stored
                concurrent_claims_never_overlap
                of_concurrent_settlements_one_counts
                concurrent_workers_handle_each_delivery_once
                a_key_is_served_one_at_a_time_by_many_workers;
        }
    };
    (directory => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then directory $with
            endpoints:
                put_checks_the_version
                a_refused_put_changes_nothing
                a_removed_endpoint_cannot_be_put_again
                a_removed_endpoint_is_gone
                list_pages_in_id_order
                list_of_one_tenant_shows_no_other
                of_tenant_returns_disabled_ones_too
                of_tenant_returns_all_of_them
                of_concurrent_puts_one_wins
                remove_checks_the_version
                a_tenants_cap_holds_under_concurrency
                create_counts_every_live_endpoint
                a_dropped_put_is_whole_or_absent;
            fields:
                an_endpoint_reads_back_whole
                every_state_of_an_endpoint_reads_back
                every_keyring_reads_back
                times_of_an_endpoint_may_be_far_away
                endpoints_of_similar_tenants_are_separate;
            served:
                claim_leaves_a_disabled_endpoint_alone
                a_lease_outlives_the_disabling_of_its_endpoint
                claim_leaves_a_removed_endpoint_alone
                remove_ends_the_leases
                gone_disables_the_endpoint
                a_disabled_endpoint_is_not_disabled_again
                blocked_flags_the_endpoint
                settle_keeps_the_endpoints_health
                health_counts_each_attempt_of_a_batch
                a_lost_lease_leaves_the_endpoint_alone
                enabling_forgives_failures
                a_new_endpoint_starts_with_empty_health
                a_put_and_a_settlement_are_both_kept
                disabling_keeps_the_order_of_a_key
                a_dropped_settlement_changes_delivery_and_endpoint
                a_dropped_remove_is_finished_by_claims;
        }
    };
    (history => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then history $with
            settled:
                a_delivery_reads_back_whole
                a_failure_keeps_its_reason
                settle_records_the_attempt
                settle_with_a_lost_lease_records_nothing
                settle_twice_counts_once
                attempts_read_back_whole
                attempts_of_several_deliveries_come_in_the_order_asked_for
                every_attempt_of_a_long_life_is_kept
                a_batch_of_settlements_keeps_them_apart
                disable_fails_the_delivery_and_disables_the_endpoint
                pending_reads_as_held_while_the_endpoint_is_disabled
                remove_cancels_what_was_owed
                a_dropped_settlement_records_state_and_attempt
                a_dropped_append_stores_event_and_deliveries;
            lists:
                deliveries_obey_the_query
                similar_tenants_have_separate_lists
                deliveries_page_without_gaps
                events_obey_the_query_and_page_without_gaps
                events_of_an_inbox_are_found_as_such_only
                counts_follow_the_states
                backlog_counts_what_is_pending_up_to_a_bound
                the_oldest_due_time_is_that_of_the_named_lanes;
            last_attempts:
                deliveries_are_listed_by_the_outcome_of_the_last_attempt
                deliveries_are_listed_by_the_time_of_the_last_attempt
                deliveries_are_listed_by_a_label_of_the_endpoint
                conditions_on_the_last_attempt_page_without_gaps;
            bounds:
                pages_list_every_match_once
                counts_stop_at_a_bound
                a_list_examines_a_bounded_number_of_rows
                a_list_of_events_examines_a_bounded_number_of_rows;
            kinds:
                an_event_reads_back_whole
                a_received_event_reads_back_whole
                history_shows_one_kind_of_work
                a_query_for_a_lane_of_the_other_kind_finds_nothing;
        }
    };
    (retention => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then retention $with
            retention:
                prune_forgets_finished_work_only
                prune_keeps_what_is_not_old
                prune_is_bounded
                prune_keeps_an_event_that_is_still_owed
                an_event_id_outlives_its_event
                prune_makes_an_event_id_new_again
                prune_forgets_one_kind_of_work
                signed_bytes_are_forgotten_with_the_id
                drop_payloads_forgets_the_payloads_of_finished_work_only
                drop_payloads_knows_every_final_state
                drop_payloads_keeps_the_rest
                drop_payloads_obeys_its_span_and_limit
                drop_payloads_forgets_one_kind_of_work;
        }
    };
    (control => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then control $with
            control:
                resend_makes_a_finished_delivery_pending_again
                resend_takes_a_cancellation_back
                resend_gives_each_its_own_due_time
                cancel_ends_the_lease
                cancel_changes_what_is_not_final
                a_cancelled_head_lets_the_next_follow
                a_held_head_waits_for_an_operator
                add_deliveries_adds_a_delivery_to_a_stored_event
                an_added_delivery_waits_for_its_turn
                expunge_forgets_the_payload_and_cancels_what_is_owed
                control_changes_one_kind_of_work
                concurrent_changes_to_one_delivery_are_whole
                a_dropped_expunge_is_whole_or_absent
                a_dropped_resend_is_whole_or_absent;
            keys:
                fifo_and_latest_keys_are_apart
                a_resent_older_delivery_goes_first
                a_settled_delivery_lets_an_older_one_go_first
                latest_supersedes_what_is_held
                latest_supersedes_what_was_resent
                a_release_supersedes_an_overtaken_latest
                an_older_latest_never_takes_the_place_of_the_newest
                an_ended_lease_of_an_overtaken_latest_is_claimed_again
                a_batch_under_one_key_counts_in_order;
            edges:
                a_delivery_id_that_exists_is_invalid
                pending_to_a_removed_endpoint_reads_as_cancelled
                a_cancelled_delivery_has_no_reason
                resend_to_a_removed_endpoint_changes_nothing
                an_endpoint_keeps_its_tenant
                an_endpoint_without_keys_reads_back;
            last_attempts:
                a_resent_delivery_is_listed_by_its_last_attempt;
            repeats:
                a_forgotten_event_is_received_again;
        }
    };
    (workers => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then workers $with
            workers:
                workers_of_a_group_are_counted
                the_last_heartbeat_counts
                groups_are_counted_separately
                a_worker_that_left_is_not_counted
                live_workers_are_counted_without_a_heartbeat
                concurrent_heartbeats_all_count;
        }
    };
    (rollups => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then rollups $with
            rollups:
                rollups_count_each_settlement_once
                a_lost_lease_is_in_no_rollup
                fold_shows_what_was_settled
                concurrent_folds_count_once
                rollups_obey_their_group_and_span
                old_rollups_are_deleted
                rollups_count_one_kind_of_work
                a_dropped_settlement_is_counted_once;
            failures:
                failures_are_counted_in_groups
                failures_of_a_kind_are_one_group
                only_a_final_failure_is_in_a_group
                failures_obey_their_tenant_and_endpoint
                a_group_of_a_removed_endpoint_keeps_its_tenant
                failures_obey_their_span_and_limit
                a_long_span_is_cut_to_its_last_part
                one_call_returns_a_bounded_number_of_groups
                groups_of_failures_are_bounded
                old_failures_are_deleted
                concurrent_folds_count_failures_once
                a_dropped_failure_is_counted_once
                a_dropped_fold_counts_failures_once;
        }
    };
    (audit => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then audit $with
            audit:
                an_audit_entry_reads_back_as_recorded
                audit_entries_are_numbered_in_order
                a_result_belongs_to_its_entry
                a_result_without_an_entry_is_ignored
                the_audit_log_is_filtered_by_tenant_and_object
                the_audit_log_is_read_in_pages
                prune_audit_forgets_old_entries_only
                prune_audit_is_bounded;
        }
    };
    (diagnostics => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then diagnostics $with
            diagnostics:
                a_diagnostic_note_reads_back_as_written
                diagnostic_notes_belong_to_their_subject
                old_diagnostic_notes_of_a_subject_make_room
                prune_notes_forgets_old_notes_only;
        }
    };
    (bulk_jobs => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then bulk_jobs $with
            bulk_jobs:
                jobs_get_rising_numbers
                an_owner_has_a_bounded_number_of_open_jobs
                concurrent_jobs_of_an_owner_are_bounded
                open_jobs_of_other_owners_do_not_count
                old_finished_jobs_make_room
                an_update_needs_the_next_version
                of_concurrent_updates_of_a_job_one_wins
                a_finished_job_can_be_opened_again
                an_update_keeps_number_and_owner
                a_job_reads_back_whole
                jobs_are_listed_by_owner
                jobs_are_listed_in_pages
                due_jobs_are_those_whose_time_has_come
                due_jobs_follow_their_updates
                a_dropped_job_is_added_or_absent
                a_dropped_update_of_a_job_is_whole_or_absent;
        }
    };
    (whole => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then whole $with
            whole:
                a_resent_delivery_is_not_old
                a_dropped_payload_is_never_sent
                a_pruned_delivery_is_unknown
                an_event_with_an_added_delivery_is_not_old
                an_expunged_event_becomes_old;
            model:
                random_calls_return_what_the_memory_store_returns;
        }
    };
    (staging => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then staging $with
            staging:
                staged_rows_are_returned_in_order
                a_staged_event_reads_back_whole
                import_stores_the_event_and_deletes_the_row
                import_follows_the_rules_of_append
                import_returns_results_in_the_order_of_the_batch
                a_row_that_is_too_long_is_not_read
                of_concurrent_imports_one_takes_the_row
                a_dropped_import_is_whole_or_absent;
        }
    };
    (dedup => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then dedup $with
            dedup:
                of_concurrent_beginnings_one_is_fresh
                of_concurrent_finishes_one_counts
                a_key_repeated_in_a_batch_is_busy
                empty_dedup_batches_are_answered_with_nothing
                keys_that_differ_in_one_byte_are_distinct
                an_ended_lease_begins_again
                finish_with_a_lost_lease_changes_nothing
                finish_of_an_ended_lease_counts
                done_returns_the_first_response
                done_is_forgotten_when_it_expires
                abandon_makes_it_fresh_again
                abandon_with_a_lost_lease_changes_nothing
                a_dedup_prune_forgets_expired_records_only
                a_fence_rises_after_a_prune
                a_dedup_prune_is_bounded
                finish_is_visible_to_a_second_handle
                forget_makes_a_group_fresh_again
                forget_leaves_unfinished_records_alone
                a_dropped_begin_is_whole_or_absent
                a_dropped_finish_is_whole_or_absent;
        }
    };
    (placements => $then:ident $with:tt) => {
        $crate::__conformance_cases! { @$then placements $with
            placements:
                a_placement_is_stored_over_its_predecessor
                of_concurrent_placements_one_wins
                a_placement_reads_back_whole
                moves_that_are_under_way_are_listed;
        }
    };
    (@stamp $role:ident ($make:path) $($file:ident: $($case:ident)+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let subject = $make().await;
                $crate::testing::conformance::run(&$crate::testing::conformance::$role(), stringify!($case), &subject).await;
            }
        )+)+
    };
    (@list $role:ident () $($file:ident: $($case:ident)+;)+) => {
        vec![$($(Case { name: stringify!($case), run: |subject| Box::pin($file::$case(subject)) }),+),+]
    };
}
