//! JSON Web Tokens, key sets and certificates: they are fetched only from hosts of the provider, and parsed as untrusted input.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hookwire::secret::{Key, Keyring};
use hookwire::signature::{Settings, Trust};
use hookwire_fuzz::{Case, change, with_required};
use http::Uri;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

/// The hosts that serve the documents of all providers.
const HOSTS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "atlassian.com",
    "cdp.coinbase.com",
    "fal.ai",
    "googleapis.com",
    "microsoftonline.com",
    "paypal.com",
    "plaid.com",
];

/// The settings of the published vectors. With other settings, almost nothing would be fetched.
const SETTINGS: &[(&str, &str)] = &[
    ("app_ids", "8e460676-ae3f-4b1e-8790-ee0fb5d6148f"),
    ("audience", "https://example.com/hooks/google_pubsub"),
    ("audience", "https://example.com/webhooks/in"),
    ("rich", "true"),
    ("service_account_email", "push-sa@my-project.iam.gserviceaccount.com"),
    ("topic_arns", "arn:aws:sns:us-east-2:295079676684:publish-and-verify-62674b1d-4295-426b-88e7-5fb75652a04e"),
    ("topic_arns", "arn:aws:sns:us-east-2:295079676684:publish-and-verify-892f85fe-4836-424d-8188-ab85bef0f362"),
    ("topic_arns", "arn:aws:sns:us-west-2:123456789012:MyTopic"),
];

/// The secret that the requests contain (Microsoft's `clientState`). The rest of such a request is read only if it is correct.
static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(Key::text("a state that the client keeps").unwrap()));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { change(data, size, max_size, seed) });

fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data) else { return };
    let scheme = case.provider;
    let settings = SETTINGS.iter().fold(Settings::default(), |all, (name, value)| all.with(*name, *value));
    let settings = with_required(settings, scheme);
    let mut documents = BTreeMap::new();
    for _ in 0..3 {
        let trust = Trust { settings: &settings, documents: &documents, ..Trust::new(&KEYS, case.now) };
        let Ok(Some(need)) = scheme.fetch_request(&case.received(), &trust) else { break };
        let uri: Uri = need.url.parse().expect("a URL");
        let host = uri.host().expect("a host");
        assert_eq!(uri.scheme_str(), Some("https"), "{}", need.url);
        let is_of = |known: &str| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        assert!(HOSTS.iter().any(|known| is_of(known)), "{}", need.url);
        documents.insert(need.name, case.document.clone().into());
    }
    let trust = Trust { settings: &settings, documents: &documents, ..Trust::new(&KEYS, case.now) };
    let _verdict = scheme.verify(&case.received(), &trust);
});
