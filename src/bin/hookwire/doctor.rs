//! `hookwire doctor`.

use std::path::Path;
use std::time::Duration;

use hookwire::clock::{Clock as _, SystemClock, Timestamp};
use hookwire::delivery::DeliveryState;
use hookwire::endpoint::Target;
use hookwire::id::Work;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Scope, Sender};
use hookwire::store::{DeliveryQuery, Page, SqliteStore};
use http::header::DATE;
use http::{Method, Request};
use serde_json::json;

use super::failure::Failure;
use super::output::{BAD, GOOD, Output, styled};
use super::{args, client};

/// The time limit of each step.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The largest accepted difference of two clocks, in seconds. Receivers reject signatures if the difference exceeds 300.
const MAX_SKEW_SECS: u64 = 30;

/// The findings so far.
struct Findings {
    output: Output,
    healthy: bool,
}

impl Findings {
    fn good(&self, what: &str, finding: &str) {
        self.output.say(
            &json!({ "check": what, "ok": true, "finding": finding }),
            format!("{} {what}: {finding}", styled(GOOD, "ok")),
        );
    }

    fn bad(&mut self, what: &str, finding: &str) {
        self.healthy = false;
        self.output.say(
            &json!({ "check": what, "ok": false, "finding": finding }),
            format!("{} {what}: {finding}", styled(BAD, "!!")),
        );
    }
}

pub(crate) async fn run(args: args::Doctor, output: Output) -> Result<bool, Failure> {
    let mut findings = Findings { output, healthy: true };
    if args.store.is_none() && args.endpoint.is_none() {
        return Err(Failure::new("set a store with --store FILE, an endpoint with --endpoint URL, or both"));
    }
    if let Some(file) = &args.store {
        of_store(file, &mut findings).await;
    }
    if let Some(url) = &args.endpoint {
        of_endpoint(url, &mut findings).await;
    }
    Ok(findings.healthy)
}

async fn of_store(file: &Path, findings: &mut Findings) {
    if !file.exists() {
        return findings.bad("store", &format!("{}: there is no such file", file.display()));
    }
    let store = match SqliteStore::open(file).await {
        Ok(store) => store,
        Err(error) => return findings.bad("store", &Failure::from(error).to_string()),
    };
    findings.good("store", "opens, and its schema is current");
    match store.check().await {
        Ok(()) => findings.good("file", "is sound"),
        Err(error) => findings.bad("file", &Failure::from(error).to_string()),
    }
    let sender = match Sender::builder(store).build() {
        Ok(sender) => sender,
        Err(error) => return findings.bad("sender", &error.to_string()),
    };
    if let Err(error) = of_work(&sender, findings).await {
        findings.bad("work", &error.to_string());
    }
}

/// Looks for deliveries that are overdue.
async fn of_work(sender: &Sender, findings: &mut Findings) -> Result<(), Failure> {
    let scoped = sender.scoped(Scope::operator());
    let mut query = DeliveryQuery::of(Work::Sent);
    query.state = Some(DeliveryState::Pending);
    let now = SystemClock.now();
    let mut found = scoped.deliveries(query.clone(), Page::of(100)).await?;
    while let (true, Some(next)) = (found.items.is_empty(), found.next) {
        found = scoped.deliveries(query.clone(), Page::of(100).after(next)).await?;
    }
    let pending = found.items;
    let overdue =
        pending.iter().map(|delivery| now.since(delivery.due)).max().filter(|late| *late > Duration::from_secs(60));
    match overdue {
        Some(late) => findings.bad(
            "work",
            &format!(
                "a delivery has been due for {} s: check that a worker is running (`Worker::run_until`)",
                late.as_secs()
            ),
        ),
        None => findings.good("work", "no delivery has been due for more than a minute"),
    }
    Ok(())
}

async fn of_endpoint(url: &str, findings: &mut Findings) {
    let target = match Target::parse(url) {
        Ok(target) => target,
        Err(error) => return findings.bad("URL", &error.to_string()),
    };
    match EgressPolicy::default().check_target(&target) {
        Ok(()) => findings.good("URL", "is allowed by the default policy"),
        Err(refusal) => findings.bad("URL", &refusal.reason().to_string()),
    }
    let resolved =
        tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((target.host().trim_matches(['[', ']']), target.port())))
            .await;
    let addresses: Vec<_> = match resolved {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return findings.bad("DNS", &format!("{}: {error}", target.host())),
        Err(_) => return findings.bad("DNS", &format!("{}: no answer within {} s", target.host(), TIMEOUT.as_secs())),
    };
    for address in &addresses {
        match EgressPolicy::default().check_address(address.ip()) {
            Ok(()) => findings.good("DNS", &format!("{} is {}", target.host(), address.ip())),
            Err(refusal) => {
                findings.bad("DNS", &format!("{} is {}: {}", target.host(), address.ip(), refusal.reason()));
            }
        }
    }
    let Some(address) = addresses.first() else { return findings.bad("DNS", "the name has no address") };
    let stream = match tokio::time::timeout(TIMEOUT, client::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return findings.bad("TCP", &format!("{address}: {error}")),
        Err(_) => return findings.bad("TCP", &format!("{address}: no answer within {} s", TIMEOUT.as_secs())),
    };
    findings.good("TCP", &format!("{address} accepts connections"));
    if target.is_https() {
        match tokio::time::timeout(TIMEOUT, client::tls(target.host(), stream)).await {
            Ok(Ok(_)) => findings.good("TLS", "the certificate is valid for this name"),
            Ok(Err(failure)) => return findings.bad("TLS", &failure.to_string()),
            Err(_) => return findings.bad("TLS", "the handshake timed out"),
        }
    }
    of_clock(&target, findings).await;
}

/// Compares this machine's clock with that of the endpoint.
async fn of_clock(target: &Target, findings: &mut Findings) {
    let request = Request::builder().method(Method::HEAD).uri(target.uri().clone()).body(bytes::Bytes::new());
    let Ok(request) = request else { return };
    let response = match client::exchange(request).await {
        Ok(response) => response,
        Err(failure) => return findings.bad("HTTP", &failure.to_string()),
    };
    findings.good("HTTP", &format!("answers {}", response.status()));
    let date = response
        .headers()
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| httpdate::parse_http_date(text).ok());
    let Some(date) = date.map(Timestamp::from) else { return };
    let skew = SystemClock.now().as_secs().abs_diff(date.as_secs());
    if skew <= MAX_SKEW_SECS {
        findings.good("clock", &format!("differs by {skew} s from the endpoint's"));
    } else {
        findings.bad(
            "clock",
            &format!(
                "differs by {skew} s from the endpoint's: signatures are rejected above 300 s; set the clock (NTP)"
            ),
        );
    }
}
