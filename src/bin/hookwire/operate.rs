//! `hookwire endpoints` and `tail`.

use std::collections::HashSet;
use std::fmt::Display;
use std::time::Duration;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::api::Api;
use super::args::{SenderAccess, Tail};
use super::failure::Failure;
use super::output::{BAD, GOOD, Output, styled};

/// The interval at which `tail` looks for new deliveries.
const LOOK: Duration = Duration::from_secs(1);

/// The maximum number of deliveries that `tail` remembers to recognise new ones.
const MAX_SEEN: usize = 100_000;

pub(crate) async fn endpoints(access: SenderAccess, output: Output) -> Result<bool, Failure> {
    let mut api = Api::open(&access).await?;
    let rows = all_pages(&mut api, &format!("/endpoints?limit=100{}", of_tenant(&access))).await?;
    output.table(&["id", "tenant", "origin", "events", "enabled"], &rows);
    Ok(true)
}

/// Reads all pages of a list. The path has a query.
pub(crate) async fn all_pages(api: &mut Api, path: &str) -> Result<Vec<Value>, Failure> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.call(Method::GET, &format!("{path}{cursor}")).await?;
        rows.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next_cursor"].as_str() else { return Ok(rows) };
        cursor = format!("&cursor={next}");
    }
}

fn of_tenant(access: &SenderAccess) -> String {
    access.tenant.as_ref().map_or_else(String::new, |tenant| format!("&tenant={}", encoded(tenant)))
}

/// Encodes a text as a part of a path or of a query.
pub(crate) fn encoded(text: &str) -> impl Display {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, ENCODED)
}

pub(crate) async fn tail(args: Tail, output: Output) -> Result<bool, Failure> {
    let mut api = Api::open(&args.access).await?;
    let state = args.state.as_ref().map_or_else(String::new, |state| format!("&state={}", encoded(state)));
    let mut seen = HashSet::new();
    let mut limit = args.lines;
    loop {
        let path = format!("/deliveries?limit={limit}{}{state}", of_tenant(&args.access));
        let page = api.call(Method::GET, &path).await?;
        let mut items = page["items"].as_array().cloned().unwrap_or_default();
        items.reverse();
        for item in items {
            // A delivery is shown again when its state or the number of its attempts changes.
            if seen.insert((item["id"].to_string(), item["state"].to_string(), item["attempts"].to_string())) {
                show(&item, output);
            }
        }
        if args.once {
            return Ok(true);
        }
        if seen.len() > MAX_SEEN {
            seen.clear();
        }
        limit = 100;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(true),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn show(delivery: &Value, output: Output) {
    let text = |name: &str| delivery[name].as_str().unwrap_or_default();
    let state = match text("state") {
        state @ "delivered" => styled(GOOD, state),
        state @ ("failed" | "held") => styled(BAD, state),
        state => state.to_owned(),
    };
    let reason = delivery["reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
    let line = format!(
        "{} {} {} {} -> {} attempts {} {state}{reason}",
        text("created_at"),
        text("id"),
        text("tenant"),
        text("type"),
        text("endpoint"),
        delivery["attempts"],
    );
    output.say(delivery, line);
}
