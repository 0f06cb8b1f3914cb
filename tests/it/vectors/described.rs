//! Providers' schemes written as configuration, over the vectors of the same providers.

use hookwire::provider::SchemeConfig;
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
    (
        "recurly",
        r#"{"name":"recurly","id":["header:recurly-notification-id"],
            "event_type":["join:.|json:/object_type|json:/event_type"],"signature":{"algorithm":"hmac-sha256","encoding":"hex",
            "headers":["recurly-signature"],"grammar":"list","time":{"first":true,"unit":"millis"},"signed":"{ts}.{body}"}}"#,
    ),
    (
        "persona",
        r#"{"name":"persona","tolerance_secs":5040,"future_secs":300,"id":["json:/data/id"],"id_signed":true,
            "event_type":["json:/data/attributes/name"],"signature":{"algorithm":"hmac-sha256","encoding":"hex",
            "headers":["Persona-Signature"],"grammar":"groups","fields":["v1"],"time":{"field":"t"},"signed":"{ts}.{body}"}}"#,
    ),
    (
        "stytch",
        r#"{"name":"stytch","id":["header:svix-id"],"id_signed":true,"event_type":["join:.|json:/object_type|json:/action"],
            "signature":{"algorithm":"hmac-sha256","key":"standard","encoding":"base64","headers":["svix-signature"],
            "grammar":"standard","id_header":"svix-id","time":{"header":"svix-timestamp"},"signed":"{id}.{ts}.{body}"}}"#,
    ),
    (
        "livekit",
        r#"{"name":"livekit","settings":[{"name":"api_key"}],"id":["json:/id"],"id_signed":true,"event_type":["json:/event"],
            "jwt":{"at":["header:authorization Bearer|plain"],"algorithms":["HS256"],"claims":[
            {"at":"/sha256","is":"{body}","hash":"sha256","encoding":"base64"},{"at":"/iss","is":"{setting:api_key}"}]}}"#,
    ),
    (
        "bird",
        r#"{"name":"bird","settings":[{"name":"url"}],"event_methods":["GET"],"event_type":["json:/type"],
            "jwt":{"at":["header:MessageBird-Signature-JWT"],"algorithms":["HS256","HS384","HS512"],"issuers":["MessageBird"],"claims":[
            {"at":"/payload_hash","is":"{body}","hash":"sha256","absent_if_empty":true},
            {"at":"/url_hash","is":"{url:url}","hash":"sha256"}]}}"#,
    ),
    (
        "vonage",
        r#"{"name":"vonage","tolerance_secs":86700,"future_secs":300,"jwt":{"at":["header:authorization Bearer"],"algorithms":["HS256"],
            "endless":true,"dated":true,"issuers":["Vonage"],"claims":[
            {"at":"/payload_hash","is":"{body}","hash":"sha256","absent_if_empty":true}]}}"#,
    ),
    (
        "netlify",
        r#"{"name":"netlify","event_type":["header:x-netlify-event"],"jwt":{"at":["header:x-webhook-signature"],"algorithms":["HS256"],
            "endless":true,"issuers":["netlify"],"claims":[{"at":"/sha256","is":"{body}","hash":"sha256"}]}}"#,
    ),
    (
        "monday",
        r#"{"name":"monday","settings":[{"name":"url","kind":"url"}],"id":["json:/event/triggerUuid"],"event_type":["json:/event/type"],
            "jwt":{"at":["header:authorization Bearer|plain"],"algorithms":["HS256"],"claims":[{"at":"/aud","is":"{url:url}"}]},
            "handshakes":[{"when":{"has":["json:/challenge"],"lacks":["json:/event/type"]},"content_type":"application/json",
            "body":"{{\"challenge\":{json:/challenge|json}}}"}]}"#,
    ),
    (
        "telnyx",
        r#"{"name":"telnyx","id":["json:/data/id"],"id_signed":true,"event_type":["json:/data/event_type"],"signature":{
            "algorithm":"ed25519","encoding":"base64","headers":["telnyx-signature-ed25519"],"time":{"header":"telnyx-timestamp"},
            "signed":"{ts}|{body}"}}"#,
    ),
    (
        "fal",
        r#"{"name":"fal","tolerance_secs":7500,"future_secs":300,"id":["header:x-fal-webhook-request-id"],"id_signed":true,
            "event_type":["json:/status"],"signature":{"algorithm":"ed25519","encoding":"hex","headers":["x-fal-webhook-signature"],
            "key_set":"https://rest.fal.ai/.well-known/jwks.json","id_header":"x-fal-webhook-request-id",
            "time":{"header":"x-fal-webhook-timestamp"},
            "signed":"{id}\n{header:x-fal-webhook-user-id}\n{ts}\n{body|sha256-hex}"}}"#,
    ),
    (
        "cloudinary",
        r#"{"name":"cloudinary","tolerance_secs":7200,"future_secs":300,"event_type":["json:/notification_type"],"signature":{
            "algorithm":"digest-sha1","encoding":"hex","headers":["x-cld-signature"],"time":{"header":"x-cld-timestamp"},
            "signed":"{body}{ts}{secret}"}}"#,
    ),
    (
        "patreon",
        r#"{"name":"patreon","event_type":["header:x-patreon-event"],"signature":{"algorithm":"hmac-md5","encoding":"hex",
            "headers":["x-patreon-signature"]}}"#,
    ),
    (
        "wise",
        r#"{"name":"wise","id":["header:x-delivery-id"],"event_type":["json:/event_type"],"signature":{"algorithm":"rsa-sha256",
            "encoding":"base64","headers":["x-signature-sha256"]}}"#,
    ),
    (
        "mercado_pago",
        r#"{"name":"mercado_pago","tolerance_secs":543000,"future_secs":300,"id":["json:/id"],"event_type":["json:/action","json:/type"],
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["x-signature"],"fields":["v1"],
            "time":{"field":"ts","unit":"seconds-or-millis"},
            "signed":"[id:{query:data.id|lower};][request-id:{header:x-request-id};]ts:{ts};",
            "or_signed":"[id:{query:data.id};][request-id:{header:x-request-id};]ts:{ts};"}}"#,
    ),
    (
        "pandadoc",
        r#"{"name":"pandadoc","batch":"","id_signed":true,"event_type":["json:/event"],"signature":{"algorithm":"hmac-sha256",
            "encoding":"hex","headers":["query:signature"]}}"#,
    ),
    (
        "gocardless",
        r#"{"name":"gocardless","id_signed":true,"batch":{"items":[["/events"]],"id":["json:/id"],
            "event_type":["join:.|json:/resource_type|json:/action"]},"rejected":{"status":498},"signature":{"algorithm":"hmac-sha256",
            "encoding":"hex","headers":["Webhook-Signature"]}}"#,
    ),
    (
        "smartsheet",
        r#"{"name":"smartsheet","id":["json:/nonce"],"id_signed":true,"event_type":["json:/events/0/eventType"],
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["Smartsheet-Hmac-SHA256"]},
            "handshakes":[{"when":{"has":["header:Smartsheet-Hook-Challenge"]},
            "headers":{"Smartsheet-Hook-Response":"{header:smartsheet-hook-challenge}"}}]}"#,
    ),
    (
        "front",
        r#"{"name":"front","id":["json:/payload/id"],"id_signed":true,"event_type":["json:/type"],"signature":{
            "algorithm":"hmac-sha256","encoding":"base64","headers":["X-Front-Signature"],
            "time":{"header":"x-front-request-timestamp","unit":"millis"},"signed":"{ts}:{body}"},
            "handshakes":[{"when":{"has":["header:x-front-challenge"]},"signed":true,"body":"{header:x-front-challenge}"}]}"#,
    ),
    (
        "npm",
        r#"{"name":"npm","event_type":["json:/event"],"signature":{"algorithm":"hmac-sha256","encoding":"hex",
            "headers":["x-npm-signature"],"prefix":"sha256="}}"#,
    ),
    (
        "dropbox_sign",
        r#"{"name":"dropbox_sign","event_type":["json:/event/event_type"],"accepted":{"status":200,"body":"Hello API Event Received"},
            "signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["json:/event/event_hash"],
            "signed":"{json:/event/event_time}{json:/event/event_type}"}}"#,
    ),
    (
        "adobe_sign",
        r#"{"name":"adobe_sign","token":["header:x-adobesign-clientid"],"id":["json:/webhookNotificationId"],
            "event_type":["json:/event"],"echoes":["X-AdobeSign-ClientId"],"handshakes":[{"when":{"method":"GET"},"signed":true,
            "headers":{"X-AdobeSign-ClientId":"{header:x-adobesign-clientid}"}}]}"#,
    ),
    (
        "linkedin",
        r#"{"name":"linkedin","event_type":["json:/type"],"signature":{"algorithm":"hmac-sha256","encoding":"hex",
            "headers":["x-li-signature"],"prefix":"hmacsha256=","prefix_optional":true,"signed":"hmacsha256={body}"},
            "handshakes":[{"when":{"method":"GET","has":["query:challengeCode"]},"content_type":"application/json",
            "body":"{{\"challengeCode\":{query:challengeCode|json},\"challengeResponse\":\"{query:challengeCode|mac-hex}\"}}"}]}"#,
    ),
];

fn receiver(case: &Case, description: &str) -> Option<Receiver> {
    let mut config =
        SourceConfig { scheme: Some(serde_json::from_str(description).unwrap()), ..SourceConfig::default() };
    config.secrets.clone_from(&case.secrets);
    let source = config.source().ok()?;
    let known = ["url", "api_key", "jwks"];
    let source = case.settings.names().fold(source, |source, name| match case.settings.get(name) {
        Some(value) if known.contains(&name) => source.setting(name, value),
        _ => source,
    });
    let clock = ManualClock::at(hookwire::clock::Timestamp::from_secs(case.now));
    Some(Receiver::builder(MemoryDedup::new()).source(source.without_diagnosis()).clock(clock).build().unwrap())
}

#[tokio::test]
async fn a_described_scheme_judges_as_the_built_in_one_does() {
    let mut judged = 0;
    for case in cases() {
        let Some((name, description)) = DESCRIBED.iter().find(|(name, _)| *name == case.source) else { continue };
        // A secret that is none of the provider's is rejected before there is a request.
        let Some(receiver) = receiver(&case, description) else { continue };
        let described = receiver.gate(name).unwrap().verify(case.request()).await;
        let built_in = super::run::verify(&case).await;
        let (described, built_in) = (verdicts::words(&described), verdicts::words(&built_in));
        // The older descriptions have no handshakes.
        let has_handshakes = description.contains("handshakes");
        let same = described == built_in || (!has_handshakes && case.answer.is_some() && described.contains(&"ok"));
        assert!(same, "{name} {}: {described:?}, built in {built_in:?}", case.name);
        judged += 1;
    }
    assert!(judged > 180, "{judged}");
}

#[tokio::test]
async fn an_answer_repeats_the_headers_that_a_description_names_and_a_rejection_does_not() {
    let (_, description) = DESCRIBED.iter().find(|(name, _)| *name == "adobe_sign").unwrap();
    let echoed = async |case: &Case, answer: http::StatusCode| {
        let gate = receiver(case, description).unwrap().gate("adobe_sign").unwrap();
        let request = case.request().map(http_body_util::Full::new);
        let response = gate.receive(request, |_| async { answer }).await;
        response.headers().get("x-adobesign-clientid").map(|value| value.to_str().unwrap().to_owned())
    };
    let of = |name: &str| cases().into_iter().find(|case| case.source == "adobe_sign" && case.name == name).unwrap();
    let id = of("good").secrets.first().cloned();
    assert_eq!(echoed(&of("good"), http::StatusCode::NO_CONTENT).await, id);
    assert_eq!(echoed(&of("good"), http::StatusCode::INTERNAL_SERVER_ERROR).await, None);
    assert_eq!(echoed(&of("another_id"), http::StatusCode::OK).await, None);
    assert_eq!(echoed(&of("asked_by_get"), http::StatusCode::OK).await, id, "an answered handshake");
}

/// A description, and what its error must name.
const WRONG: &[(&str, &str, &str)] = &[
    // The separator of the fields, given as a part of a name; and a field that is both.
    (r#""fields":["t;s"],"separator":";""#, "signature.fields", "separator"),
    (r#""fields":["s="]"#, "signature.fields", "name alone"),
    (r#""fields":["s"],"separator":"a""#, "signature.separator", "`;`"),
    (r#""fields":["s"],"separator":"\u00e9""#, "signature.separator", "ASCII"),
    (r#""fields":["t"],"time":{"field":"t"},"signed":"{ts}.{body}""#, "signature.time", "different fields"),
    (r#""time":{"field":"t"},"signed":"{ts}.{body}""#, "signature.time", "`fields`"),
    (r#""time":{"first":true},"signed":"{ts}.{body}""#, "signature.time", "list"),
    (r#""time":{"header":"x-time"}"#, "signature.time", "not signed"),
    (r#""signed":"{ts}.{body}""#, "signature.signed", "`time`"),
    (r#""signed":"{id}.{body}""#, "signature.signed", "id_header"),
    (r#""signed":"{bdoy}""#, "signature.signed", "write ts, id, body"),
    (r#""signed":"{body""#, "signature.signed", "not closed"),
    (r#""signed":"[{body}""#, "signature.signed", "`]`"),
    (r#""signed":"{body}]""#, "signature.signed", "`]]`"),
    (r#""signed":"{url:callback}{body}""#, "signature.signed", "add it to `settings`"),
    (r#""signed":"{secret}{body}""#, "signature.signed", "plain digest"),
    (r#""signed":"""#, "signature.signed", "empty"),
    (r#""grammar":"semicolons""#, "signature.grammar", "plain, fields"),
    (r#""grammar":"list","prefix":"v1=""#, "signature.prefix", "remove it"),
    (r#""grammar":"list","fields":["v1"]"#, "signature.fields", "remove one"),
    (r#""key":"rsa""#, "signature.key", "does not fit"),
    (r#""key":"tekst""#, "signature.key", "standard"),
    (r#""key_set":"https://example.com/jwks""#, "signature.key_set", "secret"),
    (r#""id_header":"x id""#, "signature.id_header", "header"),
];

#[test]
fn a_mistake_in_a_description_is_found_when_it_is_built_and_named_with_its_remedy() {
    for (wrong, field, remedy) in WRONG {
        let text = format!(
            r#"{{"name":"acme","signature":{{"algorithm":"hmac-sha256","encoding":"hex","headers":["x-signature"],{wrong}}}}}"#
        );
        let config: SchemeConfig = serde_json::from_str(&text).unwrap();
        let error = config.scheme().unwrap_err();
        assert_eq!(error.field, *field, "{wrong}: {error}");
        assert!(error.problem.contains(remedy), "{wrong}: {error}");
    }
}

#[test]
fn mistakes_outside_of_the_signature_are_found_too() {
    const SIGNATURE: &str = r#""signature":{"algorithm":"hmac-sha256","encoding":"hex","headers":["x-signature"]}"#;
    let token = r#""token":["header:x-token"]"#;
    let jwt = |rest: &str| format!(r#""jwt":{{"at":["header:x-token"],{rest}}}"#);
    let cases = [
        (String::new(), "signature", "describe one"),
        (format!("{SIGNATURE},{token}"), "signature", "keep only one"),
        (format!(r#"{SIGNATURE},"id":["jsn:/id"]"#), "id", "json:"),
        (format!(r#"{SIGNATURE},"id":["header:x-id"],"id_signed":true"#), "id", "not"),
        (format!(r#"{SIGNATURE},"keep":["x header"]"#), "keep", "header"),
        (format!(r#"{SIGNATURE},"echoes":["x header"]"#), "echoes", "header"),
        (format!(r#"{SIGNATURE},"event_methods":["get"]"#), "event_methods", "upper case"),
        (format!(r#"{SIGNATURE},"accepted":{{"status":99}}"#), "accepted", "200 to 599"),
        (format!(r#"{SIGNATURE},"batch":"events""#), "batch.items", "begin it with /"),
        (format!(r#"{SIGNATURE},"batch":{{"items":[]}}"#), "batch.items", "array"),
        (format!(r#"{SIGNATURE},"handshakes":[{{"when":{{}}}}]"#), "handshakes", "condition"),
        (format!(r#"{SIGNATURE},"handshakes":[{{"when":{{"path":"hooks"}}}}]"#), "handshakes", "begin it with /"),
        (
            format!(r#"{SIGNATURE},"handshakes":[{{"when":{{"has":["query:c"]}},"body":"{{query:c|mac-hax}}"}}]"#),
            "handshakes",
            "base64",
        ),
        (format!(r#"{SIGNATURE},"settings":[{{"name":"url","kind":"uri"}}]"#), "settings.kind", "registered-url"),
        (format!(r#"{SIGNATURE},"identity":"contents""#), "identity", "json:"),
        (jwt(r#""algorithms":[]"#), "jwt.algorithms", "name those"),
        (jwt(r#""algorithms":["HS256","RS256"]"#), "jwt.algorithms", "one kind"),
        (jwt(r#""algorithms":["none"]"#), "jwt.algorithms", "HS256"),
        (jwt(r#""algorithms":["RS256"],"key":"text""#), "jwt.key", "rsa"),
        (jwt(r#""algorithms":["HS256"],"audience":"aud""#), "jwt.audience", "`settings`"),
        (jwt(r#""algorithms":["HS256"],"claims":[{"at":"sha256","is":"{body}"}]"#), "jwt.claims", "JSON Pointer"),
        (jwt(r#""algorithms":["HS256"],"claims":[{"at":"/a","is":"{body}","encoding":"hex"}]"#), "jwt.claims", "hash"),
    ];
    for (text, field, remedy) in cases {
        let comma = if text.is_empty() { "" } else { "," };
        let config: SchemeConfig = serde_json::from_str(&format!(r#"{{"name":"acme"{comma}{text}}}"#)).unwrap();
        let error = config.scheme().unwrap_err();
        assert_eq!(error.field, field, "{text}: {error}");
        assert!(error.problem.contains(remedy), "{text}: {error}");
    }
}
