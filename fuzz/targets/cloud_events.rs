//! `CloudEvents` in all three modes, and the encoding of their headers.
#![no_main]

use hookwire::provider::MAX_EVENTS;
use hookwire::provider::cloud_event::{CloudEvent, decode_header, encode_header};
use hookwire_fuzz::{Case, change};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _decoded = decode_header(text);
        assert_eq!(decode_header(&encode_header(text)).as_deref(), Some(text));
    }
    let Some(case) = Case::read(data) else { return };
    let Ok(events) = CloudEvent::read(&case.headers, &case.body) else { return };
    assert!(events.len() <= MAX_EVENTS);
    for event in events {
        for text in [&event.id, &event.source, &event.event_type] {
            assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
        }
    }
});
