//! Apple App Store Server Notifications, version 2.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::certificate::Chain;
use crate::provider::{Checked, EventRef, Events, Fact, Retries, Scheme, Setting, Summary, Verify};
use crate::signature::jwt::JwtAlgorithm;
use crate::signature::jwt::web_token::Token;
use crate::signature::{Place, Received, Tolerance, Trust, Unit, VerifyError};

const DOCS: &str = "https://developer.apple.com/documentation/appstoreservernotifications";

/// Apple Root CA - G3, valid until 2039: <https://www.apple.com/certificateauthority/>. Its SHA-256 is
/// `63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179`.
const ROOT: &str = include_str!("apple_root_ca_g3.pem");

/// The certificate extensions that Apple documents: one of the certificate that signs App Store data, and one of the authority above it.
/// 1.2.840.113635.100.6.11.1
const LEAF_MARK: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 6, 11, 1];
/// 1.2.840.113635.100.6.2.1
const AUTHORITY_MARK: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 6, 2, 1];

/// Apple repeats a notification 1, 12, 24, 48 and 72 hours later. The signed date is that of the signature. Apple does not document
/// whether a repeated notification has a new date, so the tolerance covers all repetitions.
const TOLERANCE: Tolerance = Tolerance::secs(160 * 60 * 60, 300);

const PAYLOAD: Place = Place::Json("/signedPayload");
const ID: &[Place] = &[claim("/notificationUUID")];
const TYPE: &[Place] = &[
    Place::Join { separator: ".", places: &[claim("/notificationType"), claim("/subtype")] },
    claim("/notificationType"),
];
const SIGNED_DATE: Place = claim("/signedDate");
const BUNDLE: &[Place] = &[
    claim("/data/bundleId"),
    claim("/summary/bundleId"),
    claim("/appData/bundleId"),
    claim("/externalPurchaseToken/bundleId"),
];

const SETTINGS: &[Setting] = &[
    Setting::required("bundle_id", "the bundle id of the app; the notification must be for it"),
    Setting::optional("environment", "`Production` or `Sandbox`: notifications of the other environment are rejected")
        .one_of(&["Production", "Sandbox"], "is neither Production nor Sandbox"),
    Setting::optional("trust_root_pem", "the root certificate, instead of Apple Root CA - G3"),
];

/// Apple App Store Server Notifications, version 2: the body is `{"signedPayload": …}`, a JSON Web Signature (ES256) with its
/// certificate chain in `x5c`. The chain must lead to Apple Root CA - G3 and have the extensions that Apple documents; the
/// notification must be for the app in the setting `bundle_id`. There is no secret. Time and id are signed. The handler gets the body
/// as it was received; the transaction and renewal data in it have separate signatures.
///
/// The receiver does not ask Apple whether a certificate was revoked.
///
/// Source: <https://developer.apple.com/documentation/appstoreservernotifications>
pub static APPLE_APP_STORE: Scheme = Scheme::new("apple_app_store", DOCS)
    .code(&AppleAppStore)
    .settings(SETTINGS)
    .no_key()
    .covering_body()
    .retries(Retries::documented(
            "https://developer.apple.com/documentation/appstoreservernotifications/responding-to-app-store-server-notifications",
        )
        .same_id(Fact::Yes)
        .span(Duration::from_secs(157 * 60 * 60)))
    .summary(Summary::new(
            "JWS ES256 in `/signedPayload`, with a certificate chain to Apple's root",
            "body",
            "signed, 576000 s old, 300 s ahead",
            "claim `/notificationUUID`",
            "",
        ));

#[derive(Debug)]
struct AppleAppStore;

#[derive(Deserialize)]
struct Header {
    x5c: Vec<String>,
}

const fn claim(pointer: &'static str) -> Place {
    const TOKEN: &Place = &PAYLOAD;
    Place::Claim { token: TOKEN, pointer }
}

impl Verify for AppleAppStore {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let text = PAYLOAD.read(received, trust, "signature")?.ok_or(VerifyError::Missing("signature"))?;
        let token = Token::read_long(&text)?;
        token.check_alg(JwtAlgorithm::Es256)?;
        let chain = chain(&text)?;
        chain.check_marks(&[LEAF_MARK, AUTHORITY_MARK])?;
        chain.check_chain(Some(trust.settings.get("trust_root_pem").unwrap_or(ROOT)), trust.now)?;
        if !token.is_signed_by(JwtAlgorithm::Es256, &chain.p256_key()?) {
            return Err(VerifyError::BadSignature);
        }
        let date = SIGNED_DATE.read(received, trust, "timestamp")?.ok_or(VerifyError::Malformed("timestamp"))?;
        let signed_at = Unit::Millis.read(date.as_bytes())?;
        trust.tolerance.unwrap_or(TOLERANCE).check(signed_at, trust.now)?;
        check_receiver(received, trust)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let name = |places, what| crate::provider::events::name(places, received, trust, what);
        let (id, event_type) = (name(ID, "event id")?, name(TYPE, "event type")?);
        Ok(Events::One(EventRef {
            id,
            event_type,
            id_authenticated: true,
            identity_authenticated: true,
            ..EventRef::default()
        }))
    }
}

/// The chain in the header: leaf, authority, root. Apple always sends these three.
fn chain(token: &str) -> Result<Chain, VerifyError> {
    let malformed = VerifyError::Malformed("token");
    let header = token.split('.').next().unwrap_or_default();
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
    let header: Header = serde_json::from_slice(&header).map_err(|_| VerifyError::UntrustedKey)?;
    if header.x5c.len() != 3 {
        return Err(VerifyError::UntrustedKey);
    }
    let ders = header.x5c.iter().map(|text| BASE64.decode(text)).collect::<Result<Vec<_>, _>>();
    Chain::of(ders.map_err(|_| malformed)?)
}

fn check_receiver(received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
    let bundle = crate::provider::events::name(BUNDLE, received, trust, "bundle id")?;
    let ours = bundle.is_some_and(|bundle| trust.settings.all("bundle_id").contains(&bundle));
    let environment = [claim("/data/environment"), claim("/summary/environment")];
    let environment = crate::provider::events::name(&environment, received, trust, "environment")?;
    let wanted = trust.settings.get("environment");
    let right = wanted.is_none_or(|wanted| environment.as_deref().is_none_or(|is| is == wanted));
    if ours && right { Ok(()) } else { Err(VerifyError::UntrustedSender) }
}
