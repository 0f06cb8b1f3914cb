//! Whether a token proves a request.

use std::borrow::Cow;

use super::web_token::{Claims, Token};
use super::{Claim, Jwt};
use crate::clock::Timestamp;
use crate::secret::Key;
use crate::signature::compare::{equal, same};
use crate::signature::error::VerifyError;
use crate::signature::json;
use crate::signature::key_set::{all, find};
use crate::signature::place::Found;
use crate::signature::received::Received;
use crate::signature::template::{Message, url_setting};
use crate::signature::trust::{Tolerance, Trust};
use crate::signature::url::{UrlQuery, urls_of};

/// Maximum age of a signed time, if the provider's retries need no more.
const USUAL_PAST_SECS: u64 = 300;

impl Jwt {
    /// Checks that the token proves the request. Returns when the token was made, if the token contains this time.
    pub(crate) fn check(
        &self,
        tolerance: Tolerance,
        received: &Received<'_>,
        trust: &Trust<'_>,
    ) -> Result<Option<Timestamp>, VerifyError> {
        let text = self.text(received, trust)?;
        let token = Token::read(&text)?;
        let algorithm = token.algorithm(self.algorithms)?;
        let fetched = self.fetched(&token, trust)?;
        let keys = trust.keys.live(trust.now).chain(&fetched);
        let mut usable = false;
        let mut good = false;
        for key in keys {
            usable = true;
            good |= token.is_signed_by(algorithm, key);
        }
        match (usable, good) {
            (false, _) => return Err(VerifyError::NoKey),
            (true, false) => return Err(VerifyError::BadSignature),
            (true, true) => {}
        }
        let signed_at = self.check_claims(&token.claims()?, tolerance, trust)?;
        for claim in self.claims {
            claim.check(token.payload(), received, trust)?;
        }
        Ok(signed_at)
    }

    /// The text of the token in the request.
    pub(crate) fn text<'a>(&self, received: &Received<'a>, trust: &Trust<'a>) -> Result<Cow<'a, str>, VerifyError> {
        for place in self.at {
            let Some(found) = place.at.read(received, trust, "token")? else { continue };
            return match found {
                Cow::Borrowed(text) => place.strip(text).map(Cow::Borrowed),
                Cow::Owned(text) => place.strip(&text).map(|text| Cow::Owned(text.to_owned())),
            };
        }
        Err(VerifyError::Missing("token"))
    }

    /// The key with the token's key id, or all keys of the set if the token names no key.
    fn fetched(&self, token: &Token<'_>, trust: &Trust<'_>) -> Result<Vec<Key>, VerifyError> {
        let Some(url) = self.key_set else { return Ok(Vec::new()) };
        let set = trust.settings.get("jwks").map(str::as_bytes);
        let set = set.or_else(|| trust.documents.get(url).map(|set| &**set)).ok_or(VerifyError::UnknownKey)?;
        match token.kid.as_deref() {
            Some(kid) => find(set, Some(kid)).map(|key| vec![key]),
            None => all(set),
        }
    }

    fn check_claims(
        &self,
        claims: &Claims,
        tolerance: Tolerance,
        trust: &Trust<'_>,
    ) -> Result<Option<Timestamp>, VerifyError> {
        if self.ends && !claims.ends() {
            return Err(VerifyError::Malformed("token"));
        }
        // A retry may carry the token of the first attempt. The token may have ended as long ago as retries last.
        let late = tolerance.as_secs().map_or(0, |(past, _)| past.saturating_sub(USUAL_PAST_SECS));
        let late = u32::try_from(late).unwrap_or(u32::MAX);
        claims.check_known_times(trust.now, f64::from(self.leeway_secs), f64::from(late))?;
        if !self.issuers.is_empty() && !claims.iss.as_deref().is_some_and(|issuer| self.issuers.contains(&issuer)) {
            return Err(VerifyError::WrongIssuer);
        }
        let audiences = self.audience.map_or(&[][..], |setting| trust.settings.all(setting));
        if !audiences.is_empty() && !claims.is_for(audiences.iter().map(String::as_str)) {
            return Err(VerifyError::WrongAudience);
        }
        if !self.dated && !claims.is_dated() {
            return Ok(None);
        }
        let signed_at = claims.issued_at()?;
        if self.dated {
            trust.tolerance.unwrap_or(tolerance).check(signed_at, trust.now)?;
        }
        Ok(Some(signed_at))
    }
}

impl Claim {
    fn check(&self, claims: &[u8], received: &Received<'_>, trust: &Trust<'_>) -> Result<(), VerifyError> {
        let found = Found::nothing();
        let message = Message {
            id: b"",
            timestamp: b"",
            body: received.body,
            request: Some((received, trust)),
            url: None,
            form: None,
            found: &found,
        };
        let is = json::text_at(claims, self.at).map_err(|_| VerifyError::Malformed("token"))?;
        let verdict = match url_setting(self.is).map(|setting| urls_of(received, trust, setting, UrlQuery::AsReceived))
        {
            None => self.compare(is.as_deref(), &message),
            // Whether the setting is required was checked when the source was built.
            Some(Err(VerifyError::MissingSetting(_))) => Ok(true),
            Some(urls) => urls?.iter().try_fold(false, |good, url| {
                Ok(good || self.compare(is.as_deref(), &Message { url: Some(url), ..message })?)
            }),
        };
        match verdict {
            Ok(true) | Err(VerifyError::MissingSetting(_)) => Ok(()),
            Ok(false) => Err(VerifyError::BodyMismatch),
            Err(error) => Err(error),
        }
    }

    fn compare(&self, is: Option<&str>, message: &Message<'_>) -> Result<bool, VerifyError> {
        let covered = message.text(self.is)?;
        let Some(is) = is else {
            let needless = self.absent_if_empty && covered.is_empty();
            return if needless { Ok(true) } else { Err(VerifyError::NotCovered("body")) };
        };
        Ok(match self.hash {
            None => std::str::from_utf8(&covered).is_ok_and(|covered| same(covered, is)),
            Some((hash, encoding)) => {
                let claimed = encoding.decode(is.as_bytes());
                claimed.is_some_and(|claimed| equal(hash.digest(&covered).as_bytes(), claimed.as_bytes()).into())
            }
        })
    }
}
