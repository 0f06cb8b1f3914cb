//! Why a TLS handshake failed, as a text that helps the endpoint's owner to fix it.

use std::fmt;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// The cause of a failed handshake. The text contains no name and no address of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sender) struct TlsFailure(&'static str);

impl TlsFailure {
    /// Reads the error of rustls inside `error`.
    pub(in crate::sender) fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        Self(match tls {
            Some(Error::InvalidCertificate(error)) => of_certificate(error),
            Some(Error::AlertReceived(alert)) => of_alert(*alert),
            Some(Error::NoApplicationProtocol) => NO_PROTOCOL,
            Some(Error::PeerIncompatible(_)) => NO_VERSION,
            Some(Error::NoCertificatesPresented) => "the server sent no certificate",
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => "the server does not speak TLS",
            Some(_) => "the server violated the TLS protocol",
            None if error.kind() == io::ErrorKind::UnexpectedEof => "the server closed the connection",
            None => "the connection was lost",
        })
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const NO_PROTOCOL: &str = "there is no common application protocol; the server must offer h2 or http/1.1";
const NO_VERSION: &str = "there is no common TLS version or cipher suite; the server must offer TLS 1.2 or 1.3";

fn of_certificate(error: &CertificateError) -> &'static str {
    use CertificateError::{
        Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match error {
        Expired | ExpiredContext { .. } => "the certificate has expired",
        NotValidYet | NotValidYetContext { .. } => "the certificate is not valid yet",
        NotValidForName | NotValidForNameContext { .. } => "the certificate is for another name",
        UnknownIssuer => "the certificate's issuer is unknown, or an intermediate certificate is missing",
        Revoked => "the certificate was revoked",
        InvalidPurpose | InvalidPurposeContext { .. } => "the certificate is not for servers",
        _ => "the certificate is invalid",
    }
}

fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::NoApplicationProtocol => NO_PROTOCOL,
        AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure
        | AlertDescription::InsufficientSecurity => NO_VERSION,
        AlertDescription::UnrecognisedName => "the server does not know the name",
        AlertDescription::CertificateRequired => "the server requires a client certificate",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnknownCA => "the server does not accept the client certificate",
        _ => "the server aborted the handshake",
    }
}
