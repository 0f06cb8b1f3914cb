//! The words of described schemes that no provider's vectors use: each with requests signed by another implementation.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use hookwire::clock::Timestamp;
use hookwire::fetch::{Fetch, FetchError};
use hookwire::receiver::{Accepted, Receiver, SourceConfig};
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;
use serde_json::Value;

use super::case::{Case, described};
use super::verdicts;
use crate::support::vectors;

/// What the providers of these vectors publish.
#[derive(Debug)]
struct Publisher(HashMap<String, String>);

#[async_trait::async_trait]
impl Fetch for Publisher {
    async fn fetch(&self, url: &str, _: Option<Bytes>, _: usize) -> Result<Bytes, FetchError> {
        self.0.get(url).cloned().map(Bytes::from).ok_or(FetchError::Unreachable)
    }
}

fn receiver(case: &Case, value: &Value) -> Receiver {
    let mut config = SourceConfig {
        scheme: Some(serde_json::from_value(value["scheme"].clone()).unwrap()),
        ..SourceConfig::default()
    };
    config.secrets.clone_from(&case.secrets);
    let mut source = config.source().unwrap_or_else(|error| panic!("{}: {error}", case.name));
    for (name, text) in value["settings"].as_object().into_iter().flatten() {
        source = source.setting(name, text.as_str().unwrap());
    }
    let documents = value["documents"].as_object().into_iter().flatten();
    let documents = documents.map(|(url, text)| (url.clone(), text.as_str().unwrap().to_owned())).collect();
    let clock = ManualClock::at(Timestamp::from_secs(case.now));
    Receiver::builder(MemoryDedup::new()).source(source).fetch(Publisher(documents)).clock(clock).build().unwrap()
}

#[tokio::test]
async fn every_word_of_a_description_judges_as_another_implementation_does() {
    let mut complaints = Vec::new();
    let mut judged: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for value in vectors("described.json").as_array().unwrap() {
        let case = described(value);
        let outcome = receiver(&case, value).gate("acme").unwrap().verify(case.request()).await;
        let right = match case.expect.as_str() {
            "refused" => outcome.is_err(),
            word => verdicts::words(&outcome).contains(&word),
        };
        if !right {
            complaints.push(format!("{}: {} is wanted, is {outcome:?}", case.name, case.expect));
        }
        if let Ok(Accepted::Event(event)) = &outcome
            && (event.event_id(), event.event_type()) != (case.event_id.as_deref(), case.event_type.as_deref())
        {
            complaints.push(format!("{}: id or type is another: {event:?}", case.name));
        }
        judged.entry(value["group"].as_str().unwrap().into()).or_default().insert(case.is_accepted());
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    for (group, verdicts) in judged {
        assert!(verdicts.contains(&true), "{group} has no accepted vector");
        assert!(group == "jwt-both" || verdicts.contains(&false), "{group} has no refused vector");
    }
}
