//! One byte of an accepted request is changed: the request must be rejected, or the change must be in a short list.

use super::case::Case;
use super::run;

/// What a scheme does not cover, by its documentation: a changed byte there is accepted.
const UNCOVERED: &[(&str, What)] = &[
    // A shared token covers nothing.
    ("a2a", What::Body),
    ("adobe_sign", What::Body),
    ("atlassian_connect", What::Body), // method, path and query are
    ("auth0", What::Body),
    ("azure_event_grid", What::Body),
    ("chargebee", What::Body),
    ("cloudevents", What::Body),
    ("cloudflare_notifications", What::Body),
    ("dropbox_sign", What::Body), // time and type are
    ("fastly", What::Body),
    ("figma", What::Body),
    ("flutterwave", What::Body),
    ("gitlab_token", What::Body),
    ("google_pubsub", What::Body),
    ("microsoft_graph", What::Body),
    ("mailchimp", What::Body),
    ("mercado_pago", What::Body), // the id in the query is
    ("monday", What::Body),
    ("okta", What::Body),
    ("pipedrive", What::Body),
    ("postmark", What::Body),
    ("postmark_header", What::Body),
    ("prismic", What::Body),
    ("revenuecat", What::Body),
    ("telegram", What::Body),
];

/// Headers that look like a signature or a time and are neither: nobody may rely on them, so nobody reads them.
const IGNORED: &[(&str, &str)] = &[
    ("linear", "linear-timestamp"),                     // the time in the signed body counts
    ("meta", "x-hub-signature"),                        // the SHA-1 of older days, beside the SHA-256
    ("twilio", "i-twilio-idempotency-token"),           // not signed
    ("twilio", "x-twilio-webhooks-signature-settings"), // names the key that is tried anyway
    ("google_pubsub", "x-goog-pubsub-publish-time"),    // not signed
    ("sentry", "sentry-hook-timestamp"),                // not signed
];

/// Where a byte is flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Body,
    Signature,
    Time,
}

pub async fn check(case: &Case) -> Vec<String> {
    if case.expect != "ok" || case.answer.is_some() {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for what in [What::Body, What::Signature, What::Time] {
        if UNCOVERED.contains(&(case.source.as_str(), what)) {
            continue;
        }
        for flipped in flips(case, what) {
            if run::verify(&flipped).await.is_ok() {
                complaints.push(format!("{} {}: accepted with another {what:?}", case.source, case.name));
            }
        }
    }
    complaints
}

fn flips(case: &Case, what: What) -> Vec<Case> {
    match what {
        What::Body => (0..case.body.len().min(1)).map(|_| with_body_flipped(case)).collect(),
        What::Signature => headers(case, &["signature", "token", "authorization", "hmac", "mac", "-auth"]),
        What::Time => headers(case, &["timestamp", "-time"]),
    }
}

/// The middle byte, one bit.
fn with_body_flipped(case: &Case) -> Case {
    let mut flipped = case.clone();
    let middle = flipped.body.len() / 2;
    flipped.body[middle] ^= 1;
    flipped
}

/// Every header whose name holds one of these words, with one character changed in the middle of its value. All at once:
/// of several signatures, one good one is enough.
fn headers(case: &Case, words: &[&str]) -> Vec<Case> {
    let mut flipped = case.clone();
    let mut any = false;
    for (name, value) in &mut flipped.headers {
        let name = name.to_ascii_lowercase();
        let ignored = IGNORED.contains(&(case.source.as_str(), name.as_str()));
        if !ignored && words.iter().any(|word| name.contains(word)) {
            *value = changed(value);
            any = true;
        }
    }
    if any { vec![flipped] } else { Vec::new() }
}

/// One character in the middle of everything that is long enough to be a signature; in the middle of the value where
/// nothing is. A list is good as long as one of its signatures is, so each is changed.
fn changed(value: &str) -> String {
    let mut characters: Vec<_> = value.chars().collect();
    let mut spots = Vec::new();
    let mut start = 0;
    for end in (0..=characters.len()).filter(|at| characters.get(*at).is_none_or(|it| " ,;=".contains(*it))) {
        if end - start >= 16 {
            spots.push((start + end) / 2);
        }
        start = end + 1;
    }
    if spots.is_empty() {
        spots.push(characters.len() / 2);
    }
    for spot in spots {
        characters[spot] = if characters[spot] == '1' { '2' } else { '1' };
    }
    characters.into_iter().collect()
}
