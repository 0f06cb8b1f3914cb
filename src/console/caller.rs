//! The caller of a request, and the check that a page of this console has requested a change.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::failure::Failure;
use super::link::root_of;
use super::state::{Console, Shared};
use super::view::{Tab, View};
use crate::id::Tenant;
use crate::sender::{Scope, Scoped};
use crate::signature::compare::same;

/// The caller of a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    /// The sender, limited to what the caller may use.
    pub(super) scoped: Scoped,
    root: String,
    notice: Option<&'static str>,
}

impl FromRequestParts<Console> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Failure> {
        let scope = parts.extensions.get::<Scope>().cloned();
        let scope = scope.ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "You are not signed in."))?;
        let scoped = console.shared.sender.scoped(scope).via("console");
        let notice = parts.uri.query().and_then(super::words::notice);
        Ok(Self { shared: console.shared.clone(), scoped, root: root_of(parts.uri.path()), notice })
    }
}

impl Caller {
    /// What the frame of a page shows.
    pub(super) fn view(&self, tab: Tab, title: impl Into<String>) -> View {
        let scope = self.scoped.scope();
        View {
            root: self.root.clone(),
            title: title.into(),
            tab,
            brand: self.shared.brand.clone(),
            tenant: scope.as_tenant().map(ToString::to_string),
            can_change: !scope.is_read_only(),
            has_inbox: self.shared.inbox.is_some() && scope.as_tenant().is_none(),
            token: self.token(),
            notice: self.notice,
            now: self.scoped.now(),
        }
    }

    /// The tenant that an operator names in a form or a query, or the caller's own. `None` if an operator names none.
    pub(super) fn tenant(&self, named: Option<&str>) -> Result<Option<Tenant>, Failure> {
        if let Some(own) = self.scoped.scope().as_tenant() {
            return Ok(Some(own.clone()));
        }
        let Some(named) = named.map(str::trim).filter(|named| !named.is_empty()) else { return Ok(None) };
        let tenant = Tenant::from(named);
        tenant.check().map_err(|error| Failure::invalid(error.to_string()))?;
        Ok(Some(tenant))
    }

    /// The token that the forms of a page carry. It is invalid for any other scope.
    fn token(&self) -> String {
        let Some(key) = &self.shared.token_key else { return String::new() };
        let scope = match self.scoped.scope().as_tenant() {
            Some(tenant) => format!("tenant {tenant}"),
            None => "operator".into(),
        };
        let scope = format!("{} {scope}", self.scoped.scope().is_read_only());
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
        mac.update(scope.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }

    /// Refuses a change that a page of another site may have caused. The browser sends such a request with the cookies of this
    /// site, and the host may authenticate by cookie.
    pub(super) fn check_same_site(&self, headers: &HeaderMap, uri: &Uri, token: &str) -> Result<(), Failure> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let is_ours = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
            (Some(site), _) => site == "same-origin",
            (None, Some(origin)) => {
                let host = uri.authority().map(Authority::as_str).or_else(|| text(HOST.as_str()));
                origin.split_once("://").zip(host).is_some_and(|((scheme, authority), host)| {
                    bare(scheme, authority).eq_ignore_ascii_case(bare(scheme, host))
                })
            }
            (None, None) => {
                let own = self.token();
                !own.is_empty() && same(&own, token)
            }
        };
        if is_ours {
            return Ok(());
        }
        let text = "This change was not sent by a page of this console. Go back, reload the page, and try again.";
        Err(Failure::new(StatusCode::FORBIDDEN, text))
    }
}

/// An authority without the default port of its scheme, because only one of two equal authorities may contain the port.
fn bare<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}
