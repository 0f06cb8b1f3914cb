//! HTTP Message Signatures (RFC 9421) as a scheme of a source.

use super::events::{EventRef, Events, Identity, name as name_at};
use super::scheme::Scheme;
use super::settings::Setting;
use super::verify::{Checked, Verify};
use crate::signature::http_message::{Profile, WEBHOOK};
use crate::signature::{Place, Received, Trust, VerifyError};

const SETTINGS: &[Setting] = &[
    Setting::required(
        "url",
        "our own origin as senders have it, and the path that a proxy cuts off: https://example.com",
    )
    .url(),
    Setting::optional("keyid", "the ids that the keys may be named by; any without it"),
];

/// HTTP Message Signatures with the requirements of [`WEBHOOK`].
pub static HTTP_MESSAGE: Scheme = Scheme::http_message("http_message", &WEBHOOK);

impl Scheme {
    /// The scheme of sources whose requests are signed by RFC 9421, with the requirements of this profile.
    #[must_use]
    pub const fn http_message(name: &'static str, profile: &'static Profile) -> Self {
        let scheme = Self::new(name, "https://www.rfc-editor.org/rfc/rfc9421").code(profile).settings(SETTINGS);
        if profile.covers_body() { scheme.covering_body() } else { scheme }
    }
}

impl Verify for Profile {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let signed_at = Self::verify(self, received, trust)?;
        Ok(Checked::Event { signed_at: Some(signed_at) })
    }

    fn events(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Events, VerifyError> {
        let (candidate, _) = self.good(received, trust)?;
        let name = |places, what| name_at(places, received, trust, what);
        let id = name(&[Place::Header("webhook-id")], "event id")?;
        let event_type = name(&[Place::Json("/type")], "event type")?;
        let id_authenticated = id.is_some() && candidate.covers("webhook-id");
        let nonce = candidate.text("nonce").map(ToOwned::to_owned);
        // The signed bytes and the time are remembered in addition to the nonce, because an attacker who removes one of two
        // signatures changes the nonce.
        let identity = match nonce {
            Some(nonce) if !id_authenticated => Identity::This(nonce),
            _ if id_authenticated => Identity::Id,
            _ => Identity::IdAndBody,
        };
        Ok(Events::One(EventRef { id, event_type, id_authenticated, identity, ..EventRef::default() }))
    }
}
