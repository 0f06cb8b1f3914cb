//! `hookwire resend`, `cancel` and `jobs`.

use http::Method;
use serde_json::{Map, Value, json};

use super::api::Api;
use super::args::{Change, Filter, Jobs};
use super::failure::Failure;
use super::operate::{all_pages, encoded};
use super::output::Output;

/// What happens to deliveries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Resend,
    Cancel,
}

impl Action {
    /// The name in the API.
    const fn name(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::Cancel => "cancel",
        }
    }
}

/// Changes a delivery, or counts or changes all that match a filter.
pub(crate) async fn change(action: Action, args: Change, output: Output) -> Result<bool, Failure> {
    let mut api = Api::open(&args.access).await?;
    let Some(delivery) = &args.delivery else { return change_all(action, &args, &mut api, output).await };
    let path = format!("/deliveries/{}", encoded(delivery));
    check_owner(&mut api, args.access.tenant.as_deref(), &path).await?;
    api.call(Method::POST, &format!("{path}/{}", action.name())).await?;
    match action {
        Action::Resend => {
            output.say(&json!({ "resent": delivery }), format!("{delivery} is pending again"));
            remark_on_worker(&api, output, "sends it");
        }
        Action::Cancel => output.say(&json!({ "cancelled": delivery }), format!("{delivery} is cancelled")),
    }
    Ok(true)
}

async fn change_all(action: Action, args: &Change, api: &mut Api, output: Output) -> Result<bool, Failure> {
    let filter = filter(args.access.tenant.as_deref(), &args.filter);
    let mut asked = json!({ "action": format!("{}_all", action.name()), "filter": filter, "dry_run": !args.yes });
    if let Some(limit) = args.limit {
        asked["limit"] = limit.into();
    }
    let document = api.post("/jobs", &asked).await?;
    if args.yes {
        output.say(&document, line(&document));
        remark_on_worker(api, output, "carries the job out");
        return Ok(true);
    }
    let more = if document["exact"] == json!(false) { " or more" } else { "" };
    let text = format!("{}{more} deliveries match; add --yes to {} them", document["count"], action.name());
    output.say(&document, text);
    Ok(true)
}

fn filter(tenant: Option<&str>, filter: &Filter) -> Map<String, Value> {
    let members = [
        ("tenant", tenant),
        ("state", filter.state.as_deref()),
        ("endpoint", filter.endpoint.as_deref()),
        ("event", filter.event.as_deref()),
        ("type", filter.event_type.as_deref()),
        ("outcome", filter.outcome.as_deref()),
        ("label", filter.label.as_deref()),
        ("from", filter.from.as_deref()),
        ("to", filter.to.as_deref()),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

pub(crate) async fn jobs(args: Jobs, output: Output) -> Result<bool, Failure> {
    let mut api = Api::open(&args.access).await?;
    let Some(number) = args.number else {
        let mut rows = all_pages(&mut api, "/jobs?limit=100").await?;
        if let Some(tenant) = &args.access.tenant {
            rows.retain(|job| job["tenant"] == json!(tenant));
        }
        output.table(&["number", "tenant", "state", "changed", "started_at", "action", "text"], &rows);
        return Ok(true);
    };
    check_owner(&mut api, args.access.tenant.as_deref(), &format!("/jobs/{number}")).await?;
    let document = if args.stop {
        api.call(Method::POST, &format!("/jobs/{number}/stop")).await?
    } else {
        api.call(Method::GET, &format!("/jobs/{number}")).await?
    };
    output.say(&document, line(&document));
    Ok(true)
}

/// Checks that an object belongs to the tenant of `--tenant`. Its owner never changes, so the answer holds for a change that follows.
async fn check_owner(api: &mut Api, tenant: Option<&str>, path: &str) -> Result<(), Failure> {
    let Some(tenant) = tenant else { return Ok(()) };
    let object = api.call(Method::GET, path).await?;
    if object["tenant"] == json!(tenant) {
        return Ok(());
    }
    let owner = object["tenant"].as_str().map_or_else(|| "operators".into(), |owner| format!("the tenant {owner:?}"));
    Err(Failure::new(format!(
        "{path}: belongs to {owner}, not to the tenant {tenant:?}; correct it, or leave out --tenant"
    )))
}

/// A job in one line.
fn line(job: &Value) -> String {
    let text = |name: &str| job[name].as_str().unwrap_or_default();
    let error = job["error"].as_str().map_or_else(String::new, |error| format!(" ({error})"));
    format!("job {} is {}, changed {}: {}{error}", job["number"], text("state"), job["changed"], text("text"))
}

fn remark_on_worker(api: &Api, output: Output, does: &str) {
    if matches!(api, Api::Local(_)) {
        output.remark(format!("the worker of the application that owns the store {does}"));
    }
}
