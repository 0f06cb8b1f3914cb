//! Providers' schemes written as configuration, over the vectors of the same providers.

use hookwire::receiver::{Receiver, SourceConfig};
use hookwire::store::MemoryDedup;
use hookwire::testing::ManualClock;

use super::case::Case;
use super::{cases, verdicts};

/// What `SchemeConfig` says of a provider.
const DESCRIBED: &[(&str, &str)] = &[
    (
        "stripe",
        r#"{"name":"stripe","id":["json:/id"],"id_signed":true,"event_type":["json:/type"],"signature":{
            "algorithm":"hmac-sha256","encoding":"hex","headers":["Stripe-Signature"],"fields":["v1"],
            "time":{"field":"t"},"signed":"{ts}.{body}"}}"#,
    ),
    (
        "github",
        r#"{"name":"github","id":["header:X-GitHub-Delivery"],"event_type":["header:X-GitHub-Event"],"signature":{
            "algorithm":"hmac-sha256","encoding":"hex","headers":["X-Hub-Signature-256"],"prefix":"sha256="}}"#,
    ),
    (
        "paddle",
        r#"{"name":"paddle","tolerance_secs":5,"id":["json:/event_id"],"id_signed":true,"event_type":["json:/event_type"],
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["Paddle-Signature"],"fields":["h1"],
            "separator":";","time":{"field":"ts"},"signed":"{ts}:{body}"}}"#,
    ),
    (
        "airtable",
        r#"{"name":"airtable","signature":{"algorithm":"hmac-sha256","key":"base64","encoding":"hex",
            "headers":["X-Airtable-Content-MAC"],"prefix":"hmac-sha256="}}"#,
    ),
    (
        "calendly",
        r#"{"name":"calendly","tolerance_secs":180,"event_type":["json:/event"],"signature":{"algorithm":"hmac-sha256",
            "encoding":"hex","headers":["Calendly-Webhook-Signature"],"fields":["v1"],"time":{"field":"t"},"signed":"{ts}.{body}"}}"#,
    ),
    (
        "klaviyo",
        r#"{"name":"klaviyo","batch":"/data","event_type":["json:/topic"],"signature":{"algorithm":"hmac-sha256","encoding":"hex",
            "headers":["Klaviyo-Signature"],"time":{"header":"Klaviyo-Timestamp","unit":"http-date"},"signed":"{body}{ts}"}}"#,
    ),
    (
        "mailgun",
        r#"{"name":"mailgun","id":["json:/event-data/id"],"identity":"json:/signature/token","event_type":["json:/event-data/event"],
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["json:/signature/signature"],
            "time":{"place":"json:/signature/timestamp"},"signed":"{ts}{json:/signature/token}"}}"#,
    ),
    (
        "sanity",
        r#"{"name":"sanity","id":["header:idempotency-key"],"event_type":["header:sanity-operation"],"signature":{
            "algorithm":"hmac-sha256","encoding":"base64url","headers":["sanity-webhook-signature"],"fields":["v1"],
            "time":{"field":"t","unit":"millis"},"signed":"{ts}.{body}"}}"#,
    ),
    (
        "square",
        r#"{"name":"square","settings":["url"],"id":["json:/event_id"],"id_signed":true,"event_type":["json:/type"],"signature":{
            "algorithm":"hmac-sha256","encoding":"base64","headers":["x-square-hmacsha256-signature"],"signed":"{url:url}{body}"}}"#,
    ),
    (
        "sentry",
        r#"{"name":"sentry","id":["header:Request-ID"],"event_type":["join:.|header:sentry-hook-resource|json:/action"],
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["Sentry-Hook-Signature"]}}"#,
    ),
    (
        "hubspot_v1",
        r#"{"name":"hubspot_v1","require":{"x-hubspot-signature-version":"v1"},"batch":"","id":["json:/eventId"],
            "event_type":["json:/subscriptionType"],"signature":{"algorithm":"digest-sha256","encoding":"hex",
            "headers":["X-HubSpot-Signature"],"signed":"{secret}{body}"}}"#,
    ),
    (
        "discord_events",
        r#"{"name":"discord_events","signature":{"algorithm":"ed25519","key":"ed25519-hex","encoding":"hex",
            "headers":["X-Signature-Ed25519"],"time":{"header":"X-Signature-Timestamp"},"signed":"{ts}{body}"}}"#,
    ),
    ("telegram", r#"{"name":"telegram","id":["json:/update_id"],"token":["header:X-Telegram-Bot-Api-Secret-Token"]}"#),
    ("postmark", r#"{"name":"postmark","id":["json:/ID","json:/MessageID"],"token":["header:Authorization Basic"]}"#),
];

fn receiver(case: &Case, description: &str) -> Option<Receiver> {
    let mut config =
        SourceConfig { scheme: Some(serde_json::from_str(description).unwrap()), ..SourceConfig::default() };
    config.secrets.clone_from(&case.secrets);
    let source = config.source().ok()?;
    let source = case.settings.names().fold(source, |source, name| match case.settings.get(name) {
        Some(value) if name == "url" => source.setting(name, value),
        _ => source,
    });
    let clock = ManualClock::at(hookwire::clock::Timestamp::from_secs(case.now));
    Some(Receiver::builder(MemoryDedup::new()).source(source).clock(clock).build().unwrap())
}

#[tokio::test]
async fn a_described_scheme_judges_as_the_built_in_one_does() {
    let mut judged = 0;
    for case in cases() {
        let Some((name, description)) = DESCRIBED.iter().find(|(name, _)| *name == case.source) else { continue };
        // A secret that is none of the provider's is refused before there is a request.
        let Some(receiver) = receiver(&case, description) else { continue };
        let described = receiver.gate(name).unwrap().verify(case.request()).await;
        let built_in = super::run::verify(&case).await;
        let (described, built_in) = (verdicts::words(&described), verdicts::words(&built_in));
        // A description has no handshakes.
        let same = described == built_in || (case.answer.is_some() && described.contains(&"ok"));
        assert!(same, "{name} {}: {described:?}, built in {built_in:?}", case.name);
        judged += 1;
    }
    assert!(judged > 80, "{judged}");
}
