//! An invalid setup is refused at start.

use std::time::Duration;

use hookwire::receiver::{Receiver, ReceiverBuilder, ReceiverConfigError, Source};
use hookwire::store::MemoryDedup;

use super::standard;

const DAY: Duration = Duration::from_secs(86_400);

fn refused(set_up: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> ReceiverConfigError {
    set_up(Receiver::builder(MemoryDedup::new()).source(standard())).build().unwrap_err()
}

#[test]
fn r_36_retention_below_eight_days_must_be_asked_for_by_name() {
    assert_eq!(refused(|builder| builder.retention(8 * DAY - Duration::from_secs(1))), ReceiverConfigError::Retention);
    let builder = || Receiver::builder(MemoryDedup::new()).source(standard());
    assert!(builder().retention(8 * DAY).build().is_ok());
    assert!(builder().dangerous_retention(DAY).build().is_ok());
    assert_eq!(builder().dangerous_retention(DAY).retention(DAY).build().unwrap_err(), ReceiverConfigError::Retention);
}

#[test]
fn settings_that_would_reject_every_request_are_rejected() {
    assert_eq!(refused(|builder| builder.max_body(0)), ReceiverConfigError::MaxBody);
    assert_eq!(refused(|builder| builder.body_deadline(Duration::ZERO)), ReceiverConfigError::BodyDeadline);
    assert_eq!(refused(|builder| builder.lease(Duration::from_millis(999))), ReceiverConfigError::Lease);
    assert_eq!(Receiver::builder(MemoryDedup::new()).build().unwrap_err(), ReceiverConfigError::NoSource);
}

#[test]
fn sources_have_names_that_are_unique_and_printable() {
    assert_eq!(refused(|builder| builder.source(standard())), ReceiverConfigError::DuplicateSource("standard".into()));
    for name in ["", "two words", "line\nbreak", &"x".repeat(65)] {
        assert_eq!(
            refused(|builder| builder.source(standard().named(name))),
            ReceiverConfigError::SourceName,
            "{name:?}"
        );
    }
    let tenant = refused(|builder| builder.source(standard().named("b").tenant("a\u{7}")));
    assert!(matches!(tenant, ReceiverConfigError::Tenant(_)));
}

#[test]
fn an_empty_secret_or_a_placeholder_is_rejected() {
    for secret in ["", " ", "whsec_", "changeme"] {
        assert!(Source::standard(secret).is_err(), "{secret:?}");
        assert!(Source::github(secret).is_err() || secret == "whsec_", "{secret:?}");
    }
}

#[test]
fn a_layer_for_an_unknown_source_is_rejected_at_start() {
    let receiver = Receiver::builder(MemoryDedup::new()).source(standard()).build().unwrap();
    assert_eq!(receiver.gate("stripe").unwrap_err().to_string(), "source: stripe is unknown");
}
