//! Why a TLS handshake failed, as a text that helps the endpoint's owner to fix it.

use std::fmt;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// The cause of a failed handshake. Its texts contain no name and no address of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sender) enum TlsFailure {
    Expired,
    NotYetValid,
    WrongName,
    UnknownIssuer,
    Revoked,
    NotForServers,
    InvalidCertificate,
    NoCertificate,
    NoSharedProtocol,
    NoSharedVersion,
    HandshakeRefused,
    NotTls,
    Violation,
    UnknownName,
    ClientCertificateRequired,
    ClientCertificateRefused,
    Aborted,
    Closed,
    Lost,
    Timeout,
}

impl TlsFailure {
    /// Reads the error of rustls inside `error`.
    pub(in crate::sender) fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(Error::InvalidCertificate(error)) => of_certificate(error),
            Some(Error::AlertReceived(alert)) => of_alert(*alert),
            Some(Error::NoApplicationProtocol) => Self::NoSharedProtocol,
            Some(Error::PeerIncompatible(_)) => Self::NoSharedVersion,
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => Self::NotTls,
            Some(_) => Self::Violation,
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Lost,
        }
    }

    /// A short name, which does not change.
    pub(in crate::sender) const fn name(self) -> &'static str {
        self.words().0
    }

    /// The name and the text.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Expired => ("expired", "the certificate has expired"),
            Self::NotYetValid => ("not_yet_valid", "the certificate is not valid yet"),
            Self::WrongName => ("wrong_name", "the certificate is for another name"),
            Self::UnknownIssuer => {
                ("unknown_issuer", "the certificate's issuer is unknown, or an intermediate certificate is missing")
            }
            Self::Revoked => ("revoked", "the certificate was revoked"),
            Self::NotForServers => ("not_for_servers", "the certificate is not for servers"),
            Self::InvalidCertificate => ("invalid_certificate", "the certificate is invalid"),
            Self::NoCertificate => ("no_certificate", "the server sent no certificate"),
            Self::NoSharedProtocol => {
                ("no_shared_protocol", "there is no common application protocol; the server must offer h2 or http/1.1")
            }
            Self::NoSharedVersion => (
                "no_shared_version",
                "there is no common TLS version or cipher suite; the server must offer TLS 1.2 or 1.3",
            ),
            Self::HandshakeRefused => (
                "handshake_refused",
                "the server refused the handshake and gave no reason; it may require a client certificate, another name or another cipher suite",
            ),
            Self::NotTls => ("not_tls", "the server does not speak TLS"),
            Self::Violation => ("violation", "the server violated the TLS protocol"),
            Self::UnknownName => ("unknown_name", "the server does not know the name"),
            Self::ClientCertificateRequired => {
                ("client_certificate_required", "the server requires a client certificate")
            }
            Self::ClientCertificateRefused => {
                ("client_certificate_refused", "the server does not accept the client certificate")
            }
            Self::Aborted => ("aborted", "the server aborted the handshake"),
            Self::Closed => ("closed", "the server closed the connection"),
            Self::Lost => ("lost", "the connection was lost"),
            Self::Timeout => ("timeout", "it did not end in time"),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words().1)
    }
}

fn of_certificate(error: &CertificateError) -> TlsFailure {
    use CertificateError::{
        Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match error {
        Expired | ExpiredContext { .. } => TlsFailure::Expired,
        NotValidYet | NotValidYetContext { .. } => TlsFailure::NotYetValid,
        NotValidForName | NotValidForNameContext { .. } => TlsFailure::WrongName,
        UnknownIssuer => TlsFailure::UnknownIssuer,
        Revoked => TlsFailure::Revoked,
        InvalidPurpose | InvalidPurposeContext { .. } => TlsFailure::NotForServers,
        _ => TlsFailure::InvalidCertificate,
    }
}

const fn of_alert(alert: AlertDescription) -> TlsFailure {
    match alert {
        AlertDescription::NoApplicationProtocol => TlsFailure::NoSharedProtocol,
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => TlsFailure::NoSharedVersion,
        // Servers send it if no cipher suite is common, but also if a client certificate is missing, or the name is unknown.
        AlertDescription::HandshakeFailure => TlsFailure::HandshakeRefused,
        AlertDescription::UnrecognisedName => TlsFailure::UnknownName,
        AlertDescription::CertificateRequired => TlsFailure::ClientCertificateRequired,
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnknownCA => TlsFailure::ClientCertificateRefused,
        _ => TlsFailure::Aborted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_a_reason_is_not_taken_for_a_version() {
        let named = |alert| TlsFailure::of(&io::Error::other(Error::AlertReceived(alert))).name();
        assert_eq!(named(AlertDescription::HandshakeFailure), "handshake_refused");
        assert_eq!(named(AlertDescription::ProtocolVersion), "no_shared_version");
        assert_eq!(named(AlertDescription::CertificateRequired), "client_certificate_required");
    }
}
