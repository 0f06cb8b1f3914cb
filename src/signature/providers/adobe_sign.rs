//! Adobe Acrobat Sign.

use crate::signature::{Handshake, Piece, Place, Retries, Scheme, Token, When};

const CLIENT: Place = Place::Header("x-adobesign-clientid");

/// Adobe Acrobat Sign: nothing is signed. `X-AdobeSign-ClientId` has the id of the application that registered the webhook; it is the
/// secret here, and **whoever knows it can make events**: take the ids and ask Adobe for the rest. The id is sent back in the answer
/// to every event, and to the GET request by which Adobe asks whether the URL wants them; without it Adobe counts the event as
/// not delivered.
///
/// Source: <https://helpx.adobe.com/sign/developer/webhook/overview.html>
pub static ADOBE_SIGN: Scheme =
    Scheme::new("adobe_sign", "https://helpx.adobe.com/sign/developer/webhook/overview.html")
        .token(&[Token::plain(CLIENT)])
        .unsigned_id(&[Place::Json("/webhookNotificationId")])
        .event_type(&[Place::Json("/event")])
        .handshakes(&[
            Handshake::signed(&[When::Method("GET")]).headers(&[("x-adobesign-clientid", &[Piece::Echo(CLIENT)])])
        ])
        .echoes(&["x-adobesign-clientid"])
        .retries(Retries::unchecked("https://helpx.adobe.com/sign/developer/webhook/overview.html"));
