//! JSON Web Tokens, key sets and certificates: fetched from hosts of the provider only, and read without trust.
#![no_main]

use hookwire::secret::Keyring;
use hookwire::signature::{Documents, Trust};
use hookwire_fuzz::{Case, change, settings};
use http::Uri;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// Where the documents of all providers stand.
const HOSTS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "atlassian.com",
    "cdp.coinbase.com",
    "googleapis.com",
    "microsoftonline.com",
    "paypal.com",
    "plaid.com",
];

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let (scheme, keys) = (case.provider.scheme, Keyring::none());
    let settings = settings(scheme);
    let mut documents = Documents::default();
    for _ in 0..3 {
        let trust = Trust { settings: &settings, documents: &documents, ..Trust::new(&keys, case.now) };
        let Ok(Some(need)) = scheme.needs(&case.received(), &trust) else { break };
        let uri: Uri = need.url.parse().expect("a URL");
        let host = uri.host().expect("a host");
        assert_eq!(uri.scheme_str(), Some("https"), "{}", need.url);
        let is_of = |known: &str| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        assert!(HOSTS.iter().any(|known| is_of(known)), "{}", need.url);
        documents = documents.with(need.name, case.document.clone());
    }
    let trust = Trust { settings: &settings, documents: &documents, ..Trust::new(&keys, case.now) };
    let _verdict = scheme.verify(&case.received(), &trust);
});
