//! The help texts of the metrics.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Gives the recorder the help texts. A recorder that is installed later does not get them.
pub(crate) fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(*name, *help);
    }
    for (name, help) in GAUGES {
        describe_gauge!(*name, *help);
    }
    for (name, help) in SECONDS {
        describe_histogram!(*name, Unit::Seconds, *help);
    }
}

const COUNTERS: &[(&str, &str)] = &[
    ("hookwire_attempts_total", "Attempts at deliveries, by outcome"),
    ("hookwire_deliveries_given_up_total", "Deliveries that were given up, by reason"),
    ("hookwire_duplicates_total", "Events that came twice and were stored or handled once"),
    ("hookwire_jobs_given_up_total", "Jobs of an inbox that were given up, by reason"),
    ("hookwire_jobs_total", "Calls of the handlers of an inbox, by outcome"),
    ("hookwire_leases_lost_total", "Leases that ended during an attempt; the attempt may be made twice"),
    (
        "hookwire_tls_handshakes_total",
        "TLS handshakes with endpoints and key servers, by whether a session was resumed",
    ),
];

const GAUGES: &[(&str, &str)] = &[
    ("hookwire_inbox_workers_alive", "Live workers of the inbox, as this process knows them"),
    ("hookwire_lanes_failing", "Lanes of this worker whose last attempt failed"),
    ("hookwire_oldest_due_seconds", "How long the oldest due delivery has been waiting in the store"),
    ("hookwire_oldest_job_seconds", "How long the oldest due job has been waiting in the store"),
    ("hookwire_queues_failing", "Queues of this inbox whose last jobs failed"),
    ("hookwire_workers_alive", "Live workers of the sender, as this process knows them"),
];

const SECONDS: &[(&str, &str)] = &[
    ("hookwire_attempt_duration_seconds", "Duration of an attempt, by outcome"),
    ("hookwire_dispatch_to_attempt_seconds", "Time from the creation of a delivery to its first attempt"),
    ("hookwire_job_duration_seconds", "Duration of a call of a handler of an inbox, by outcome"),
    ("hookwire_receipt_to_job_seconds", "Time from receipt to the first call of the handler"),
];
