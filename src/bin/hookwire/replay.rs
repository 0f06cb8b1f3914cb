//! `hookwire replay`.

use bytes::Bytes;
use hookwire::clock::{Clock as _, SystemClock};
use hookwire::signature::Signing;
use http::{HeaderMap, Request, Uri};
use serde_json::json;

use super::failure::Failure;
use super::listen::aimed;
use super::output::{BAD, GOOD, Output, styled};
use super::source::Known;
use super::{args, captured, client};

pub(crate) async fn run(args: args::Replay, output: Output) -> Result<bool, Failure> {
    let known = Known::read(&args.source)?;
    let to: Uri = args.to.parse()?;
    client::parts(&to)?;
    if args.re_sign && !known.has_secret() {
        return Err(Failure::new("--re-sign: set the secret with --secret or --secret-file"));
    }
    let mut all_accepted = true;
    for captured in captured::read_file(&args.file)? {
        let request = if args.re_sign { signed(&known, captured.request)? } else { captured.request };
        let response = client::exchange(aimed(&to, &request)).await?;
        let status = response.status();
        all_accepted &= status.is_success();
        let (method, path) = (request.method(), request.uri().path());
        let style = if status.is_success() { GOOD } else { BAD };
        let document = json!({ "method": method.as_str(), "path": path, "status": status.as_u16() });
        output.say(&document, format!("{method} {path} -> {}", styled(style, status.as_u16())));
    }
    Ok(all_accepted)
}

/// Signs a request again with the current time.
fn signed(known: &Known, mut request: Request<Bytes>) -> Result<Request<Bytes>, Failure> {
    let scheme = known.scheme(&request);
    let keys = known.keys(scheme)?;
    let mut headers = HeaderMap::new();
    let id = ["webhook-id", "svix-id"].iter().find_map(|name| request.headers().get(*name)?.to_str().ok());
    let id = id.unwrap_or("msg_replayed").to_owned();
    scheme
        .sign(&Signing { id: &id, timestamp: SystemClock.now(), body: request.body() }, &keys, &mut headers)
        .map_err(|error| Failure::new(format!("--re-sign: {}: {error}", scheme.name())))?;
    request.headers_mut().extend(headers);
    Ok(request)
}
