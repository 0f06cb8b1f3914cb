//! Every published request of every provider, through [`Source`](hookwire::receiver::Source) by the provider's name.

mod case;
mod described;
mod diagnose;
mod documents;
mod flips;
mod run;
mod sequences;
mod standards;
mod verdicts;
mod work;

use case::{Case, all};
use hookwire::provider::Scheme;

/// The vectors of the providers that the crate knows.
fn cases() -> Vec<Case> {
    all().into_iter().filter(|case| Scheme::named(&case.source).is_some()).collect()
}

/// Vectors whose verdict differs from ours, with the reason. Only vectors that are marked `optional` may stand here.
const DEVIATIONS: &[(&str, &str, &str, &str)] = &[
    ("zoom", "stale_301", "ok", "nobody documents that Zoom's retries, which go on for 85 minutes, carry a fresh time"),
    ("discord", "stale_policy_only", "timestamp_out_of_tolerance", "the time is signed, so it is judged"),
    ("line", "quirk_base64url_signature", "malformed_header", "the alphabet is the one that LINE documents"),
    ("github", "uppercase_hex", "ok", "hex is decoded before it is compared, so its case does not matter"),
    ("stripe", "uppercase_hex", "ok", "hex is decoded before it is compared, so its case does not matter"),
];

#[tokio::test]
async fn every_vector_gets_its_verdict_id_type_and_answer() {
    let mut complaints = Vec::new();
    for case in cases() {
        complaints.extend(run::check(&case).await);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn a_flipped_byte_of_body_signature_or_time_is_rejected_unless_it_is_documented_as_not_covered() {
    let mut complaints = Vec::new();
    for case in cases() {
        complaints.extend(flips::check(&case).await);
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_provider_of_the_table_has_an_accepted_vector() {
    let cases = all();
    for provider in Scheme::all() {
        let accepted = cases.iter().any(|case| case.source == provider.name() && case.is_accepted());
        assert!(accepted, "{}", provider.name());
    }
}
