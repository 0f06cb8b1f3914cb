//! The source of requests that the arguments describe.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookwire::clock::{Clock, SystemClock, Timestamp};
use hookwire::provider::diagnose::{Cause, Diagnose, Diagnosis};
use hookwire::provider::{STANDARD, Scheme};
use hookwire::receiver::{Accepted, Gate, Receiver, ReceiverConfigError, Rejection, Source};
use hookwire::secret::{KeyError, Keyring};
use hookwire::sender::http::{HttpClient, HttpOptions};
use hookwire::signature::{Received, Settings, Tolerance, Trust};
use hookwire::store::MemoryDedup;
use http::Request;

use super::args;
use super::failure::Failure;

/// A provider, its secrets and its settings.
#[derive(Debug)]
pub(crate) struct Known {
    scheme: Option<&'static Scheme>,
    secrets: Vec<String>,
    settings: Settings,
}

/// The result of a check.
pub(crate) enum Verdict {
    Valid(Accepted),
    Invalid(Diagnosis),
    /// The secret is malformed.
    Secret(KeyError),
    /// The scheme needs a setting or a document that is missing or could not be fetched.
    Unknown(String),
}

/// A clock that always returns the same time.
#[derive(Debug)]
struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
}

impl Known {
    pub(crate) fn read(args: &args::Source) -> Result<Self, Failure> {
        let scheme = args.provider.as_deref().map(provider).transpose()?;
        let mut secrets = args.secret.clone();
        if let Some(file) = &args.secret_file {
            let text =
                std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
            secrets.push(text);
        }
        let mut settings = Settings::default();
        for setting in &args.settings {
            let (name, value) =
                setting.split_once('=').ok_or_else(|| Failure::new(format!("--set {setting}: write NAME=VALUE")))?;
            settings = settings.with(name, value);
        }
        Ok(Self { scheme, secrets, settings })
    }

    pub(crate) const fn has_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Returns the named provider, or the provider whose requests look like this request.
    pub(crate) fn scheme(&self, request: &Request<Bytes>) -> &'static Scheme {
        if let Some(scheme) = self.scheme {
            return scheme;
        }
        let keys = Keyring::empty();
        let mut diagnose = Diagnose::new(&STANDARD, received(request), Trust::new(&keys, Timestamp::EPOCH));
        for secret in &self.secrets {
            diagnose = diagnose.secret(secret);
        }
        match diagnose.run().cause() {
            Cause::OtherScheme(name) => Scheme::named(name).unwrap_or(&STANDARD),
            _ => &STANDARD,
        }
    }

    /// Returns the keys of a scheme.
    pub(crate) fn keys(&self, scheme: &Scheme) -> Result<Keyring, KeyError> {
        let keys = self.secrets.iter().map(|secret| scheme.key(secret)).collect::<Result<Vec<_>, _>>()?;
        Keyring::from_keys(keys)
    }

    fn gate(&self, scheme: &'static Scheme, at: Option<Timestamp>) -> Result<Gate, ReceiverConfigError> {
        let secrets: Vec<_> = self.secrets.iter().map(String::as_str).collect();
        let source = Source::provider(scheme.name(), &secrets, self.settings.clone())?;
        // The diagnosis below uses the texts of the secrets, so the source need not make one.
        let mut source = source.without_diagnosis().max_body(usize::MAX);
        if at.is_none() {
            source = source.tolerance(Tolerance::dangerous_any());
        }
        if !scheme.proves_origin() {
            source = source.dangerous_accept_unproved();
        }
        let mut builder = Receiver::builder(MemoryDedup::new()).source(source);
        if let Ok(client) = HttpClient::new(HttpOptions::default(), Arc::new(SystemClock)) {
            builder = builder.fetch(client);
        }
        if let Some(at) = at {
            builder = builder.clock(FixedClock(at));
        }
        builder.build()?.gate(scheme.name())
    }

    /// Checks a request. Its signed time is compared with `at`, or not checked if `at` is `None`.
    pub(crate) async fn check(
        &self,
        scheme: &'static Scheme,
        request: &Request<Bytes>,
        at: Option<Timestamp>,
    ) -> Verdict {
        if self.secrets.is_empty() && scheme.requires_key() {
            return Verdict::Unknown("set the secret with --secret, --secret-file or HOOKWIRE_SECRET".to_owned());
        }
        let gate = match self.gate(scheme, at) {
            Ok(gate) => gate,
            Err(ReceiverConfigError::Key(error)) => return self.of_secret(scheme, request, error),
            Err(error) => return Verdict::Unknown(format!("{}: {error}", scheme.name())),
        };
        match gate.verify(request.clone()).await {
            Ok(accepted) => Verdict::Valid(accepted),
            Err(rejection) => self.invalid(scheme, request, at, &rejection),
        }
    }

    fn invalid(
        &self,
        scheme: &Scheme,
        request: &Request<Bytes>,
        at: Option<Timestamp>,
        rejection: &Rejection,
    ) -> Verdict {
        if rejection.status().is_server_error() || rejection.status() == http::StatusCode::METHOD_NOT_ALLOWED {
            return Verdict::Unknown(rejection.to_string());
        }
        let keys = self.keys(scheme).unwrap_or_else(|_| Keyring::empty());
        Verdict::Invalid(self.diagnose(scheme, request, &keys, at))
    }

    /// Names the mistake in a malformed secret: the mistake that the request proves, or the one that the error describes.
    fn of_secret(&self, scheme: &Scheme, request: &Request<Bytes>, error: KeyError) -> Verdict {
        let diagnosis = self.diagnose(scheme, request, &Keyring::empty(), None);
        if diagnosis.is_proved() { Verdict::Invalid(diagnosis) } else { Verdict::Secret(error) }
    }

    fn diagnose(&self, scheme: &Scheme, request: &Request<Bytes>, keys: &Keyring, at: Option<Timestamp>) -> Diagnosis {
        let tolerance = at.is_none().then(Tolerance::dangerous_any);
        let now = at.unwrap_or_else(|| SystemClock.now());
        let trust = Trust { settings: &self.settings, tolerance, ..Trust::new(keys, now) };
        let of = Diagnose::new(scheme, received(request), trust);
        self.secrets.iter().fold(of, |of, secret| of.secret(secret)).run()
    }
}

/// Returns the scheme of a provider.
pub(crate) fn provider(name: &str) -> Result<&'static Scheme, Failure> {
    let unknown = || {
        let likeness = |known: &str| strsim::jaro_winkler(known, name);
        let near = Scheme::all().map(Scheme::name).max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let near = near.filter(|near| likeness(near) > 0.8);
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        Failure::new(format!("--provider {name}: is unknown: `hookwire providers` lists those that are known{near}"))
    };
    Scheme::named(&name.to_ascii_lowercase().replace('-', "_")).or_else(|| Scheme::named(name)).ok_or_else(unknown)
}

fn received(request: &Request<Bytes>) -> Received<'_> {
    Received { method: request.method(), uri: request.uri(), headers: request.headers(), body: request.body() }
}
