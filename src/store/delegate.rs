//! `delegate_store!`: passes roles on to another store, for wrappers and for `Arc`.

/// Implements store roles for a wrapper by passing every call on to the store inside.
///
/// A wrapper implements the roles that it changes, and delegates the others. The macro takes the type, a field or expression that leads
/// to the inner store, and the roles: `Outbox`, `Directory`, `History`, `Retention`, `Control`, `Staging`, `WorkerRegistry`,
/// `Rollups`, `AuditLog`, `Diagnostics`, `BulkJobs`, `Dedup`. Generics are written in brackets in front. Methods that a later version adds to a role are passed on too.
///
/// ```
/// use std::sync::Arc;
///
/// use hookwire::id::Work;
/// use hookwire::store::{History, MemoryStore, Store};
///
/// /// A store under a name.
/// #[derive(Debug)]
/// struct Named<S> {
///     name: &'static str,
///     inner: S,
/// }
///
/// hookwire::delegate_store! {
///     [S: Store] Named<S>, |named| named.inner;
///     Outbox, Directory, History, Retention, Control, Staging, WorkerRegistry, Rollups, AuditLog, Diagnostics, BulkJobs
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store: Arc<dyn Store> = Arc::new(Named { name: "orders", inner: MemoryStore::new() });
/// assert_eq!(store.counts(Work::Sent, None).await?.pending, 0);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! delegate_store {
    (@each $generics:tt $type:tt $this:tt $inner:tt $($role:ident)+) => {
        $($crate::__delegate_role! { $role $generics $type $this $inner })+
    };
    ([$($generics:tt)*] $type:ty, |$this:ident| $inner:expr; $($role:ident),+ $(,)?) => {
        $crate::delegate_store! { @each [$($generics)*] ($type) ($this) ($inner) $($role)+ }
    };
    ($type:ty, |$this:ident| $inner:expr; $($role:ident),+ $(,)?) => {
        $crate::delegate_store! { [] $type, |$this| $inner; $($role),+ }
    };
}

/// One role of [`delegate_store!`]: its name, then the signatures of all its methods.
#[doc(hidden)]
#[macro_export]
macro_rules! __delegate_role {
    (Outbox $($to:tt)*) => {
        $crate::__delegate_methods! { Outbox $($to)*
            append(batch: Vec<$crate::store::Append>) -> Vec<$crate::store::Appended>;
            claim(claim: $crate::store::Claim) -> $crate::store::Claimed;
            settle(batch: Vec<$crate::delivery::Settlement>) -> Vec<$crate::store::Settled>;
            extend(leases: Vec<$crate::delivery::Lease>, until: $crate::clock::Timestamp) -> Vec<$crate::store::Settled>;
            release(leases: Vec<$crate::delivery::Lease>, due: $crate::clock::Timestamp) -> Vec<$crate::store::Settled>;
            lanes(work: $crate::id::Work, after: Option<$crate::id::LaneId>, limit: u32) -> Vec<($crate::id::LaneId, $crate::clock::Timestamp)>;
        }
    };
    (Directory $($to:tt)*) => {
        $crate::__delegate_methods! { Directory $($to)*
            put(endpoint: $crate::endpoint::Endpoint) -> $crate::store::PutResult;
            create(endpoint: $crate::endpoint::Endpoint, limit: u32) -> $crate::store::PutResult;
            get(id: $crate::id::EndpointId) -> Option<::std::sync::Arc<$crate::endpoint::Endpoint>>;
            list(tenant: Option<&$crate::id::Tenant>, after: Option<$crate::id::EndpointId>, limit: u32)
                -> Vec<::std::sync::Arc<$crate::endpoint::Endpoint>>;
            of_tenant(tenant: &$crate::id::Tenant) -> Vec<::std::sync::Arc<$crate::endpoint::Endpoint>>;
            remove(id: $crate::id::EndpointId, version: Option<u64>, now: $crate::clock::Timestamp) -> $crate::store::Removal;
        }
    };
    (History $($to:tt)*) => {
        $crate::__delegate_methods! { History $($to)*
            event(work: $crate::id::Work, tenant: &$crate::id::Tenant, id: &$crate::id::EventId)
                -> Option<::std::sync::Arc<$crate::event::Event>>;
            events(query: &$crate::store::EventQuery, page: $crate::store::Page<u64>) -> $crate::store::Listed<$crate::store::EventSummary, u64>;
            delivery(work: $crate::id::Work, id: $crate::id::DeliveryId) -> Option<$crate::delivery::Delivery>;
            deliveries(query: &$crate::store::DeliveryQuery, page: $crate::store::Page) -> $crate::store::Listed<$crate::delivery::Delivery>;
            attempts(work: $crate::id::Work, ids: &[$crate::id::DeliveryId]) -> Vec<Vec<$crate::delivery::Attempt>>;
            counts(work: $crate::id::Work, lane: Option<$crate::id::LaneId>) -> $crate::store::Counts;
            backlog(lanes: &[$crate::id::LaneId], limit: u32) -> u32;
            oldest_due(lanes: &[$crate::id::LaneId]) -> Option<$crate::clock::Timestamp>;
        }
    };
    (Retention $($to:tt)*) => {
        $crate::__delegate_methods! { Retention $($to)*
            prune(work: $crate::id::Work, cutoff: $crate::store::RetentionCutoff, limit: u32) -> u64;
            drop_payloads(
                work: $crate::id::Work,
                after: $crate::store::FinishedCursor,
                before: $crate::clock::Timestamp,
                limit: u32
            ) -> Option<$crate::store::FinishedCursor>;
        }
    };
    (Control $($to:tt)*) => {
        $crate::__delegate_methods! { Control $($to)*
            resend(work: $crate::id::Work, deliveries: Vec<($crate::id::DeliveryId, $crate::clock::Timestamp)>) -> Vec<bool>;
            cancel(work: $crate::id::Work, deliveries: Vec<$crate::id::DeliveryId>, now: $crate::clock::Timestamp) -> Vec<bool>;
            add_deliveries(batch: Vec<$crate::store::AddDelivery>) -> Vec<bool>;
            expunge(
                work: $crate::id::Work,
                tenant: &$crate::id::Tenant,
                event: &$crate::id::EventId,
                now: $crate::clock::Timestamp
            ) -> bool;
            forget_received(tenant: &$crate::id::Tenant, groups: &[$crate::store::DedupGroup]) -> Vec<u64>;
        }
    };
    (Staging [$($generics:tt)*] ($type:ty) ($this:ident) ($inner:expr)) => {
        $crate::__delegate_methods! { Staging [$($generics)*] ($type) ($this) ($inner)
            staged(limit: u32, longest: usize) -> Vec<$crate::store::StagedRow>;
            import(batch: Vec<$crate::store::Import>) -> Vec<$crate::store::ImportResult>;
            @and
            fn changes(&self) -> $crate::store::ChangeListener {
                let $this = self;
                $crate::store::Staging::changes(&$inner)
            }
            fn writes(&self) -> $crate::store::ChangeListener {
                let $this = self;
                $crate::store::Staging::writes(&$inner)
            }
        }
    };
    (WorkerRegistry $($to:tt)*) => {
        $crate::__delegate_methods! { WorkerRegistry $($to)*
            heartbeat(
                group: &'static str,
                worker: $crate::id::WorkerId,
                now: $crate::clock::Timestamp,
                until: $crate::clock::Timestamp
            ) -> u32;
            alive(group: &'static str, now: $crate::clock::Timestamp) -> u32;
            leave(worker: $crate::id::WorkerId) -> ();
        }
    };
    (Rollups $($to:tt)*) => {
        $crate::__delegate_methods! { Rollups $($to)*
            fold(now: $crate::clock::Timestamp) -> bool;
            rollups(
                groups: &[$crate::store::RollupGroup],
                step: $crate::store::RollupStep,
                from: $crate::clock::Timestamp,
                to: $crate::clock::Timestamp
            ) -> Vec<Vec<$crate::store::Rollup>>;
            failures(query: &$crate::store::FailureQuery) -> $crate::store::FailureList;
        }
    };
    (AuditLog $($to:tt)*) => {
        $crate::__delegate_methods! { AuditLog $($to)*
            audit(entry: $crate::store::AuditEntry) -> u64;
            conclude(number: u64, succeeded: bool) -> ();
            audit_log(query: &$crate::store::AuditQuery, page: $crate::store::Page<u64>)
                -> $crate::store::Listed<$crate::store::AuditEntry, u64>;
            prune_audit(before: $crate::clock::Timestamp, limit: u32) -> u64;
        }
    };
    (Diagnostics $($to:tt)*) => {
        $crate::__delegate_methods! { Diagnostics $($to)*
            note(notes: Vec<$crate::store::DiagnosticNote>) -> ();
            notes(subject: &str) -> Vec<$crate::store::DiagnosticNote>;
            prune_notes(before: $crate::clock::Timestamp, limit: u32) -> u64;
        }
    };
    (BulkJobs $($to:tt)*) => {
        $crate::__delegate_methods! { BulkJobs $($to)*
            add_job(job: $crate::store::BulkJob, most_open: u32) -> Option<u64>;
            update_job(job: &$crate::store::BulkJob) -> bool;
            job(number: u64) -> Option<$crate::store::BulkJob>;
            jobs(tenant: Option<&$crate::id::Tenant>, page: $crate::store::Page<u64>)
                -> $crate::store::Listed<$crate::store::BulkJob, u64>;
            due_jobs(now: $crate::clock::Timestamp, limit: u32) -> Vec<$crate::store::BulkJob>;
        }
    };
    (Placements $($to:tt)*) => {
        $crate::__delegate_methods! { Placements $($to)*
            placement(tenant: &$crate::id::Tenant) -> Option<$crate::store::Placement>;
            place(tenant: &$crate::id::Tenant, placement: &$crate::store::Placement) -> bool;
            moving(after: Option<&$crate::id::Tenant>, limit: u32) -> Vec<($crate::id::Tenant, $crate::store::Placement)>;
        }
    };
    (Dedup $($to:tt)*) => {
        $crate::__delegate_methods! { Dedup $($to)*
            begin(entries: &[$crate::store::DedupEntry], now: $crate::clock::Timestamp, lease_until: $crate::clock::Timestamp)
                -> Vec<$crate::store::BeginResult>;
            finish(
                leases: &[$crate::store::DedupLease],
                response: &$crate::store::FirstResponse,
                expires: $crate::clock::Timestamp
            ) -> Vec<$crate::store::Settled>;
            abandon(leases: &[$crate::store::DedupLease]) -> Vec<$crate::store::Settled>;
            forget(groups: &[$crate::store::DedupGroup]) -> Vec<u64>;
            prune(now: $crate::clock::Timestamp, limit: u32) -> u64;
        }
    };
}

/// The implementation of one role, from the signatures of its methods.
#[doc(hidden)]
#[macro_export]
macro_rules! __delegate_methods {
    ($role:ident [$($generics:tt)*] ($type:ty) ($this:ident) ($inner:expr)
        $($method:ident($($name:ident: $of:ty),* $(,)?) -> $answer:ty;)*
        $(@and $($more:tt)*)?
    ) => {
        #[$crate::store::__async_trait]
        impl<$($generics)*> $crate::store::$role for $type {
            $(
                async fn $method(&self, $($name: $of),*) -> Result<$answer, $crate::store::StoreError> {
                    let $this = self;
                    $crate::store::$role::$method(&$inner, $($name),*).await
                }
            )*
            $($($more)*)?
        }
    };
}
