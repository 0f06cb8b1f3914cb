//! Helpers of the example: arguments, and the requests that it sends to itself.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use hookwire::clock::{Clock as _, SystemClock};
use hookwire::provider::{GITHUB, SLACK, STANDARD, STRIPE, Scheme};
use hookwire::signature::Signing;
use http::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// `[--serve ADDRESS] [CONFIG]`
pub(crate) struct Arguments {
    pub(crate) serve: bool,
    pub(crate) listen: String,
    pub(crate) config: PathBuf,
}

impl Arguments {
    pub(crate) fn read() -> Result<Self, Box<dyn Error>> {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sources.toml");
        let mut read = Self { serve: false, listen: "127.0.0.1:0".into(), config: default.into() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--serve" {
                read.serve = true;
                read.listen = arguments.next().ok_or("--serve: the address is missing")?;
            } else {
                read.config = argument.into();
            }
        }
        Ok(read)
    }
}

/// The requests of the demonstration. The secrets are those of `examples/data/sources.toml`.
const REQUESTS: [(&str, &Scheme, &str, &str); 4] = [
    ("stripe", &STRIPE, "whsec_replace_me_with_what_stripe_shows", r#"{"id":"evt_1","type":"invoice.paid"}"#),
    ("github", &GITHUB, "replace me with the secret of the webhook", r#"{"zen":"Keep it logically awesome."}"#),
    ("slack", &SLACK, "replace me with the signing secret", r#"{"event_id":"Ev1","event":{"type":"message"}}"#),
    ("billing", &STANDARD, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", r#"{"type":"invoice.paid"}"#),
];

/// A signed request is accepted; the same request with another body is rejected.
pub(crate) async fn try_out(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<String>();
    for (name, scheme, secret, body) in REQUESTS {
        let signing = Signing { id: "evt_1", timestamp: SystemClock.now(), body: body.as_bytes() };
        for (body, wanted) in
            [(body.to_owned(), StatusCode::NO_CONTENT), (format!("{body} "), StatusCode::UNAUTHORIZED)]
        {
            let mut request = Request::post(format!("http://{address}/hooks/{name}")).body(body)?;
            scheme.sign(&signing, &scheme.key(secret)?.into(), request.headers_mut())?;
            let status = client.request(request).await?.status();
            if status != wanted {
                return Err(format!("{name}: answered {status}, {wanted} was expected").into());
            }
        }
    }
    println!("{} signed requests accepted, as many forged ones rejected", REQUESTS.len());
    Ok(())
}
