//! Why a TLS handshake failed, in words that the endpoint's owner can act on.

use std::fmt;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// The cause of a failed handshake. Says no name and no address, ours or theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sender) struct TlsCause(&'static str);

impl TlsCause {
    /// What rustls says of it.
    pub(in crate::sender) fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        Self(match tls {
            Some(Error::InvalidCertificate(error)) => of_certificate(error),
            Some(Error::AlertReceived(alert)) => of_alert(*alert),
            Some(Error::NoApplicationProtocol) => NO_PROTOCOL,
            Some(Error::PeerIncompatible(_)) => NO_VERSION,
            Some(Error::NoCertificatesPresented) => "the server showed no certificate",
            Some(Error::InvalidMessage(_) | Error::InappropriateMessage { .. }) => "the server does not speak TLS",
            Some(_) => "the server does not keep to the protocol",
            None if error.kind() == io::ErrorKind::UnexpectedEof => "the server closed the connection",
            None => "the connection broke",
        })
    }
}

impl fmt::Display for TlsCause {
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
        AlertDescription::CertificateRequired => "the server wants a client certificate",
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::UnknownCA => "the server does not accept the client certificate",
        _ => "the server refused",
    }
}
