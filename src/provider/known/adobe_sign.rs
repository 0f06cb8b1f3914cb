//! Adobe Acrobat Sign.

use crate::provider::{BodyPart, Condition, Handshake, Retries, Scheme};
use crate::signature::{Place, Token};

const CLIENT: Place = Place::Header("x-adobesign-clientid");

/// Adobe Acrobat Sign signs nothing. `X-AdobeSign-ClientId` has the id of the application that registered the webhook; this id is the
/// secret here, and **anybody who knows it can forge events**: use only the ids of an event, and get everything else from Adobe's
/// API. Every response to an event returns the id, and so does the response to the GET request that verifies the URL. Without the id
/// in the response, Adobe counts the event as not delivered.
///
/// Source: <https://helpx.adobe.com/sign/developer/webhook/overview.html>
pub static ADOBE_SIGN: Scheme =
    Scheme::new("adobe_sign", "https://helpx.adobe.com/sign/developer/webhook/overview.html")
        .token(&[Token::plain(CLIENT)])
        .unsigned_id(&[Place::Json("/webhookNotificationId")])
        .event_type(&[Place::Json("/event")])
        .handshakes(&[Handshake::signed(&[Condition::Method("GET")])
            .headers(&[("x-adobesign-clientid", &[BodyPart::Echo(CLIENT)])])])
        .echoes(&["x-adobesign-clientid"])
        .retries(Retries::unchecked("https://helpx.adobe.com/sign/developer/webhook/overview.html"));
