//! What cannot be set up is refused at start.

use std::time::Duration;

use hookwire::receiver::{BuildError, Receiver, ReceiverBuilder, Source};
use hookwire::store::MemoryDedup;

use super::standard;

const DAY: Duration = Duration::from_secs(86_400);

fn refused(set_up: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> BuildError {
    set_up(Receiver::builder(MemoryDedup::new()).source(standard())).build().unwrap_err()
}

#[test]
fn r_36_retention_below_eight_days_must_be_asked_for_by_name() {
    assert_eq!(refused(|builder| builder.retention(8 * DAY - Duration::from_secs(1))), BuildError::Retention);
    let builder = || Receiver::builder(MemoryDedup::new()).source(standard());
    assert!(builder().retention(8 * DAY).build().is_ok());
    assert!(builder().dangerous_retention(DAY).build().is_ok());
    assert_eq!(builder().dangerous_retention(DAY).retention(DAY).build().unwrap_err(), BuildError::Retention);
}

#[test]
fn values_that_let_nothing_through_are_refused() {
    assert_eq!(refused(|builder| builder.max_body(0)), BuildError::MaxBody);
    assert_eq!(refused(|builder| builder.body_deadline(Duration::ZERO)), BuildError::BodyDeadline);
    assert_eq!(refused(|builder| builder.lease(Duration::from_millis(999))), BuildError::Lease);
    assert_eq!(Receiver::builder(MemoryDedup::new()).build().unwrap_err(), BuildError::NoSource);
}

#[test]
fn sources_have_names_that_are_unique_and_printable() {
    assert_eq!(refused(|builder| builder.source(standard())), BuildError::DuplicateSource("standard".into()));
    for name in ["", "two words", "line\nbreak", &"x".repeat(65)] {
        assert_eq!(refused(|builder| builder.source(standard().named(name))), BuildError::SourceName, "{name:?}");
    }
    let tenant = refused(|builder| builder.source(standard().named("b").tenant("a\u{7}")));
    assert!(matches!(tenant, BuildError::Tenant(_)));
}

#[test]
fn a_missing_secret_is_no_secret() {
    for secret in ["", " ", "whsec_", "changeme"] {
        assert!(Source::standard(secret).is_err(), "{secret:?}");
        assert!(Source::github(secret).is_err() || secret == "whsec_", "{secret:?}");
    }
}

#[test]
fn a_layer_for_an_unknown_source_is_refused_at_start() {
    let receiver = Receiver::builder(MemoryDedup::new()).source(standard()).build().unwrap();
    assert_eq!(receiver.layer("stripe").unwrap_err().to_string(), "source: none is named stripe");
}
