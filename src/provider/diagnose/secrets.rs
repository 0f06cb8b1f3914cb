//! Mistakes in the secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::case::{Case, Try};
use super::cause::Cause;
use super::diagnosis::Diagnosis;
use crate::secret::{Key, Keyring, KeyringEntry, Kind};

/// Prefixes of secrets. A missing prefix is added, and an existing prefix is removed.
const PREFIXES: [&str; 22] = [
    "whsec_",
    "v1,whsec_",
    "v1,",
    "whsec_test_",
    "wsec_",
    "whsk_",
    "whpk_",
    "secret_",
    "lin_wh_",
    "polar_whs_",
    "pdl_ntfset_",
    "pdl_ntf_",
    "ghost_",
    "key_",
    "key-",
    "shpss_",
    "glwt-",
    "sk_",
    "mux_",
    "wh_",
    "Bearer ",
    "Basic ",
];

/// Tries the other known keys: retired keys, and keys of other sources.
pub(super) fn known(case: &Case<'_>) -> Option<Diagnosis> {
    let retired = case.trust.keys.entries().iter().cloned().map(|entry| KeyringEntry { retires_at: None, ..entry });
    let fits = |keys: &Keyring| case.fits(Try { keys: Some(keys), ..Try::default() });
    if Keyring::from_entries(retired.collect()).is_ok_and(|all| fits(&all)) {
        return Some(Diagnosis::proved(Cause::RetiredKey));
    }
    let (name, _) = case.others.iter().find(|(_, keys)| fits(keys))?;
    Some(Diagnosis::proved(Cause::OtherKey).detailed(*name))
}

pub(super) fn search(case: &Case<'_>) -> Option<Diagnosis> {
    let fits = |(_, keys): &(Cause, Keyring)| case.fits(Try { keys: Some(keys), ..Try::default() });
    keyrings(case).into_iter().find(fits).map(|(cause, _)| Diagnosis::proved(cause))
}

/// The keys that the configured secret may have been meant to be.
pub(super) fn keyrings(case: &Case<'_>) -> Vec<(Cause, Keyring)> {
    let mut found = Found { case, all: Vec::new() };
    for text in texts(case) {
        found.cleaned(&text);
        found.spaced(&text);
        found.prefixed(&text);
        found.decoded(&text);
    }
    found.all
}

/// The secrets as texts: the configured texts, and the texts from which the keys were made.
fn texts(case: &Case<'_>) -> Vec<Zeroizing<String>> {
    let mut all: Vec<_> = case.secrets.iter().map(|text| Zeroizing::new((*text).to_owned())).collect();
    for entry in case.trust.keys.entries() {
        let Kind::Hmac(key) = entry.key.kind() else { continue };
        all.extend(std::str::from_utf8(key.bytes()).ok().map(|text| Zeroizing::new(text.to_owned())));
        all.push(Zeroizing::new(STANDARD.encode(key.bytes())));
    }
    all
}

struct Found<'a> {
    case: &'a Case<'a>,
    all: Vec<(Cause, Keyring)>,
}

impl Found<'_> {
    fn bytes(&mut self, cause: Cause, bytes: &[u8]) {
        self.all.extend(Key::from_bytes(bytes).ok().map(|key| (cause, Keyring::new(key))));
    }

    /// Adds the key that the scheme reads from the text, and the key that is the text's bytes.
    fn text(&mut self, cause: Cause, text: &str) {
        self.all.extend(self.case.scheme.key(text).ok().map(|key| (cause, Keyring::new(key))));
        self.bytes(cause, text.as_bytes());
    }

    /// Adds the key of these bytes and, if they are a text, the key that the scheme reads from it.
    fn read(&mut self, cause: Cause, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(cause, text),
            Err(_) => self.bytes(cause, bytes),
        }
    }

    fn cleaned(&mut self, text: &str) {
        let trimmed = text.trim();
        if trimmed != text {
            self.text(Cause::SecretWhiteSpace, trimmed);
        }
        let quotes = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];
        let bare = trimmed.trim_matches(quotes).trim();
        if bare != trimmed {
            self.text(Cause::SecretQuotes, bare);
        }
        for white in [&['\r', '\n', '\t'][..], &['\r', '\n', '\t', ' ', '\u{a0}', '\u{200b}', '\u{feff}']] {
            let joined = Zeroizing::new(bare.replace(white, ""));
            if *joined != bare {
                self.text(Cause::SecretWhiteSpace, &joined);
            }
        }
    }

    /// Adds the text as the sender may have it, with characters that a file or a shell has added.
    fn spaced(&mut self, text: &str) {
        for (cause, before, behind) in [
            (Cause::SecretWhiteSpace, "", "\n"),
            (Cause::SecretWhiteSpace, "", "\r\n"),
            (Cause::SecretWhiteSpace, "", " "),
            (Cause::SecretWhiteSpace, " ", ""),
            (Cause::SecretWhiteSpace, " ", " "),
            (Cause::SecretQuotes, "\"", "\""),
            (Cause::SecretQuotes, "'", "'"),
        ] {
            let text = Zeroizing::new([before, text, behind].concat());
            self.bytes(cause, text.as_bytes());
        }
    }

    fn prefixed(&mut self, text: &str) {
        for prefix in PREFIXES {
            match text.strip_prefix(prefix) {
                Some(rest) => self.text(Cause::SecretPrefix, rest),
                None => self.text(Cause::SecretPrefix, &Zeroizing::new([prefix, text].concat())),
            }
        }
    }

    fn decoded(&mut self, text: &str) {
        let cause = Cause::SecretEncoding;
        let bare = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        for text in [text, bare] {
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                let decoded = engine.decode(text).map(Zeroizing::new);
                decoded.into_iter().for_each(|bytes| self.read(cause, &bytes));
                let encoded = Zeroizing::new(engine.encode(text));
                self.bytes(cause, encoded.as_bytes());
            }
            let decoded = hex::decode(text).map(Zeroizing::new);
            decoded.into_iter().for_each(|bytes| {
                self.read(cause, &bytes);
                self.bytes(cause, Zeroizing::new(STANDARD.encode(&*bytes)).as_bytes());
            });
            self.bytes(cause, Zeroizing::new(hex::encode(text)).as_bytes());
            self.bytes(cause, Zeroizing::new(hex::encode_upper(text)).as_bytes());
            self.bytes(cause, text.as_bytes());
        }
        let decoded = STANDARD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).map(Zeroizing::new);
        if let Ok(bytes) = decoded {
            self.bytes(cause, Zeroizing::new(hex::encode(&*bytes)).as_bytes());
            self.bytes(cause, Zeroizing::new(STANDARD_NO_PAD.encode(&*bytes)).as_bytes());
            self.bytes(cause, Zeroizing::new(URL_SAFE.encode(&*bytes)).as_bytes());
        }
        self.bytes(cause, Zeroizing::new(text.to_lowercase()).as_bytes());
        self.bytes(cause, Zeroizing::new(text.to_uppercase()).as_bytes());
    }
}
