//! Amazon SNS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::certificate::Chain;
use super::document;
use crate::clock::Timestamp;
use crate::provider::{
    Checked, EventRef, Events, Fact, FetchRequest, Reply, Retries, Scheme, Setting, Summary, Verify,
};
use crate::secret::RsaForm;
use crate::signature::{Received, Tolerance, Trust, Unit, VerifyError};
use crate::work;

const DOCS: &str = "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html";

const SETTINGS: &[Setting] = &[
    Setting::required(
        "topic_arns",
        "the ARNs of the expected topics: every AWS account can send a validly signed message",
    ),
    Setting::optional("min_signature_version", "`2`: messages signed with SHA-1 are rejected")
        .one_of(&["1", "2"], "is neither 1 nor 2"),
    Setting::optional("certs", "the certificates by URL; they are not fetched then"),
    Setting::optional("trust_root_pem", "the root certificate that the chain must lead to"),
];

/// SNS repeats a message for hours, with the time of the first attempt.
const TOLERANCE: Tolerance = Tolerance::secs(86_400, 300);

/// Amazon SNS over HTTPS: the RSA signature covers named fields of the body and is verified with the certificate at
/// `SigningCertURL`. Version 1 uses SHA-1, version 2 uses SHA-256; the setting `min_signature_version` can reject version 1. The
/// certificate is fetched only from `sns.<region>.amazonaws.com` of the topic's own region, must be valid and must be a
/// certificate of SNS. SNS does not serve the intermediate certificates, so the chain is checked only if the setting
/// `trust_root_pem` is given. Message, id and time are signed; a message may be one day old.
///
/// A subscription is confirmed by fetching its `SubscribeURL` from the same host, after message and topic were checked. Raw message
/// delivery is not signed and is rejected.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
pub static AWS_SNS: Scheme = Scheme::new("aws_sns", DOCS)
    .code(&AwsSns)
    .settings(SETTINGS)
    .no_key()
    .retries(Retries::documented(DOCS).same_id(Fact::Yes))
    .summary(Summary::new(
        "RSA sha1/sha256, base64, in `/Signature`, with a certificate",
        "message, id, topic, time",
        "signed, 86400 s old, 300 s ahead",
        "`/MessageId`",
        "confirmed",
    ));

#[derive(Debug)]
struct AwsSns;

/// A message. If a field occurs twice, the message is malformed. Lambda spells some field names differently.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    r#type: String,
    message_id: String,
    topic_arn: String,
    message: String,
    timestamp: String,
    subject: Option<String>,
    token: Option<String>,
    #[serde(rename = "SubscribeURL", alias = "SubscribeUrl")]
    subscribe_url: Option<String>,
    signature: Option<String>,
    signature_version: Option<String>,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    signing_cert_url: Option<String>,
}

impl Message {
    /// Reads a message of one of the three types. The signed text has every field on separate lines, so a field with a line break
    /// could be read as several fields. Only `Message` may have line breaks: it comes first, and the fields after it are found from
    /// the end, so the text can be read in one way only.
    fn read(received: &Received<'_>) -> Result<Self, VerifyError> {
        let malformed = VerifyError::Malformed("body");
        work::spent(received.body.len());
        let message: Self = serde_json::from_slice(received.body).map_err(|_| malformed)?;
        let lines = [
            Some(&message.r#type),
            Some(&message.message_id),
            Some(&message.topic_arn),
            Some(&message.timestamp),
            message.subject.as_ref(),
            message.token.as_ref(),
            message.subscribe_url.as_ref(),
        ];
        let is_known = message.r#type == "Notification" || message.is_about_a_subscription();
        let is_whole = !message.is_about_a_subscription() || message.token.is_some() && message.subscribe_url.is_some();
        let has_breaks = lines.into_iter().flatten().any(|field| field.contains(['\n', '\r']));
        if is_known && is_whole && !has_breaks { Ok(message) } else { Err(malformed) }
    }

    fn is_about_a_subscription(&self) -> bool {
        matches!(self.r#type.as_str(), "SubscriptionConfirmation" | "UnsubscribeConfirmation")
    }

    /// `sns.<region>.amazonaws.com`, of the topic's own region: a pattern with a wildcard would also accept S3 buckets.
    fn host(&self) -> Result<String, VerifyError> {
        let mut parts = self.topic_arn.split(':');
        let (arn, partition, service, region) = (parts.next(), parts.next(), parts.next(), parts.next());
        let region = region.filter(|region| is_region(region));
        let region = region.filter(|_| arn == Some("arn") && service == Some("sns"));
        let region = region.ok_or(VerifyError::UntrustedUrl)?;
        let end = if partition == Some("aws-cn") { ".amazonaws.com.cn" } else { ".amazonaws.com" };
        Ok(format!("sns.{region}{end}"))
    }

    /// The part of the URL after that host; fails if the URL is on another host.
    fn on_host<'u>(&self, url: &'u str) -> Result<&'u str, VerifyError> {
        let start = format!("https://{}/", self.host()?);
        let rest = url.strip_prefix(&start).filter(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()));
        rest.ok_or(VerifyError::UntrustedUrl)
    }

    fn certificate_url(&self) -> Result<&str, VerifyError> {
        let url = self.signing_cert_url.as_deref().ok_or(VerifyError::Missing("signature"))?;
        let path = self.on_host(url)?;
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if path.ends_with(".pem") && path.bytes().all(sound) && !path.contains("..") {
            Ok(url)
        } else {
            Err(VerifyError::UntrustedUrl)
        }
    }

    fn form(&self, trust: &Trust<'_>) -> Result<RsaForm, VerifyError> {
        match self.signature_version.as_deref() {
            Some("1") if trust.settings.get("min_signature_version") != Some("2") => Ok(RsaForm::Pkcs1Sha1),
            Some("2") => Ok(RsaForm::Pkcs1Sha256),
            _ => Err(VerifyError::UnsupportedAlgorithm),
        }
    }

    fn signature(&self) -> Result<Vec<u8>, VerifyError> {
        let text = self.signature.as_deref().ok_or(VerifyError::Missing("signature"))?;
        BASE64.decode(text).map_err(|_| VerifyError::Malformed("signature"))
    }

    fn check_topic(&self, trust: &Trust<'_>) -> Result<(), VerifyError> {
        let is_expected = trust.settings.all("topic_arns").contains(&self.topic_arn);
        if is_expected { Ok(()) } else { Err(VerifyError::UntrustedSender) }
    }

    fn check_time(&self, trust: &Trust<'_>) -> Result<Timestamp, VerifyError> {
        let signed_at = Unit::Rfc3339.read(self.timestamp.as_bytes())?;
        trust.tolerance.unwrap_or(TOLERANCE).check(signed_at, trust.now)?;
        Ok(signed_at)
    }

    /// The name and the value of each signed field, each on a separate line.
    fn signed(&self) -> String {
        let common = [("Message", Some(self.message.as_str())), ("MessageId", Some(&self.message_id))];
        let between = if self.is_about_a_subscription() {
            ("SubscribeURL", self.subscribe_url.as_deref())
        } else {
            ("Subject", self.subject.as_deref())
        };
        let token = self.token.as_deref().filter(|_| self.is_about_a_subscription());
        let rest = [
            between,
            ("Timestamp", Some(&*self.timestamp)),
            ("Token", token),
            ("TopicArn", Some(&*self.topic_arn)),
            ("Type", Some(&*self.r#type)),
        ];
        let mut text = String::with_capacity(self.message.len() + 512);
        for (name, value) in common.into_iter().chain(rest) {
            if let Some(value) = value {
                for piece in [name, "\n", value, "\n"] {
                    text.push_str(piece);
                }
            }
        }
        text
    }
}

impl Verify for AwsSns {
    fn verify(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Checked, VerifyError> {
        let message = Message::read(received)?;
        let form = message.form(trust)?;
        let signature = message.signature()?;
        let pem = document(trust, "certs", message.certificate_url()?).ok_or(VerifyError::UntrustedUrl)?;
        let chain = Chain::read(&pem)?;
        chain.check_leaf(trust.now, is_sns)?;
        if let Some(root) = trust.settings.get("trust_root_pem") {
            chain.check_chain(Some(root), trust.now)?;
        }
        if !chain.key()?.verifies(form, message.signed().as_bytes(), &signature) {
            return Err(VerifyError::BadSignature);
        }
        let signed_at = message.check_time(trust)?;
        message.check_topic(trust)?;
        if message.r#type != "SubscriptionConfirmation" {
            return Ok(Checked::Event { signed_at: Some(signed_at) });
        }
        let url = message.subscribe_url.as_deref().ok_or(VerifyError::Malformed("body"))?;
        message.on_host(url)?;
        let mut reply = Reply::new(200);
        reply.visit = Some(url.to_owned());
        Ok(Checked::Handshake(reply))
    }

    fn events(&self, received: &Received<'_>, _: &Trust<'_>) -> Result<Events, VerifyError> {
        let message = Message::read(received)?;
        let (id, event_type) = (Some(message.message_id), Some(message.r#type));
        EventRef { id, event_type, id_authenticated: true, identity_authenticated: true, ..EventRef::default() }
            .checked()
            .map(Events::One)
    }

    fn fetch_request(&self, received: &Received<'_>, trust: &Trust<'_>) -> Result<Option<FetchRequest>, VerifyError> {
        let message = Message::read(received)?;
        message.form(trust)?;
        let url = message.certificate_url()?;
        if document(trust, "certs", url).is_some() {
            return Ok(None);
        }
        // Every check that needs no certificate comes before the certificate is fetched.
        message.signature()?;
        message.check_topic(trust)?;
        message.check_time(trust)?;
        Ok(Some(FetchRequest::at(url).last()))
    }
}

/// `us-east-1`, `us-gov-west-1`, `ap-southeast-2`: words of letters, and a number at the end. `s3-us-west-2` is not a region but a
/// host name of S3, where anybody can have a bucket called `sns`.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| (2..=16).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (2..=4).contains(&words.split('-').count()) && words.split('-').all(is_word)
}

/// The host names in the certificates of SNS, with or without the region.
fn is_sns(name: &str) -> bool {
    let host = name.strip_suffix(".amazonaws.com").or_else(|| name.strip_suffix(".amazonaws.com.cn"));
    host.is_some_and(|host| host == "sns" || host.starts_with("sns-") && !host.contains('.') || is_signing(host))
}

/// `sns-signing.<region>`.
fn is_signing(host: &str) -> bool {
    host.strip_prefix("sns-signing.").is_some_and(|region| !region.is_empty() && !region.contains('.'))
}
