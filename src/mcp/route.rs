//! A function of ours as a tool of any server.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::request::Parts;
use rmcp::handler::server::common::{schema_for_input, schema_for_output};
use rmcp::handler::server::router::tool::ToolRoute;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{CallToolResponse, CallToolResult, Extensions, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::WebhookTools;
use super::failure::Failure;
use crate::id::Tenant;
use crate::sender::{Principal, Scope};

/// What a model is told of a tool. All annotations are hints.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) reads_only: bool,
    pub(super) destroys: bool,
    pub(super) repeats: bool,
    /// It speaks to addresses outside.
    pub(super) reaches_out: bool,
    /// Which calls it is counted with. Whatever changes or sends something is counted.
    pub(super) counted: Option<Counted>,
}

/// Calls that are counted together, for each tenant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    /// Changes to callbacks.
    Changes,
    /// Test events.
    Tests,
    /// Sending again.
    Resends,
}

/// A call on behalf of one tenant.
pub(super) struct Call {
    pub(super) tools: WebhookTools,
    pub(super) tenant: Tenant,
    pub(super) scope: Scope,
}

/// What does the work of a tool.
pub(super) type Work<A, O> = fn(Call, A) -> BoxFuture<'static, Result<O, Failure>>;

pub(super) fn route<S, A, O>(tools: &WebhookTools, spec: &Spec, work: Work<A, O>) -> ToolRoute<S>
where
    S: Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + Send + 'static,
    O: Serialize + JsonSchema + 'static,
{
    let (tools, counted) = (tools.clone(), spec.counted);
    ToolRoute::new_dyn(described::<A, O>(spec), move |context: ToolCallContext<'_, S>| {
        let call = tools.call(&context.request_context.extensions, counted);
        let arguments = context.arguments.unwrap_or_default();
        async move { answer(call, arguments, work).await.or_else(Failure::into_response) }.boxed()
    })
}

fn described<A: JsonSchema + 'static, O: JsonSchema + 'static>(spec: &Spec) -> Tool {
    let annotations = ToolAnnotations::with_title(spec.title)
        .read_only(spec.reads_only)
        .destructive(spec.destroys)
        .idempotent(spec.repeats)
        .open_world(spec.reaches_out);
    // Our own types are objects, which is all that is asked of them.
    let input = schema_for_input::<A>().unwrap_or_default();
    Tool::new(spec.name, spec.description, plain(&input))
        .with_raw_output_schema(plain(&schema_for_output::<O>()))
        .with_annotations(annotations)
}

/// Without formats that only Rust knows (`uint32`): clients warn of them, and some refuse them.
fn plain(schema: &JsonObject) -> Arc<JsonObject> {
    let mut schema = Value::Object(schema.clone());
    forget_formats(&mut schema);
    let Value::Object(schema) = schema else { return Arc::default() };
    Arc::new(schema)
}

fn forget_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_ours =
                members.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint"));
            if is_ours {
                members.remove("format");
            }
            members.values_mut().for_each(forget_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_formats),
        _ => {}
    }
}

async fn answer<A: DeserializeOwned, O: Serialize>(
    call: Result<Call, Failure>,
    arguments: JsonObject,
    work: Work<A, O>,
) -> Result<CallToolResponse, Failure> {
    let call = call?;
    let arguments = Value::Object(arguments);
    let arguments = serde_json::from_value(arguments).map_err(|error| Failure::invalid("arguments", error))?;
    let done = work(call, arguments).await?;
    let value = serde_json::to_value(done).map_err(|error| Failure::tool("internal", error))?;
    Ok(CallToolResult::structured(value).into())
}

/// Who calls. `fixed`: whom calls are made for that come without an HTTP request.
pub(super) fn caller<'a>(extensions: &'a Extensions, fixed: Option<&'a Principal>) -> Option<&'a Principal> {
    match extensions.get::<Parts>() {
        Some(parts) => parts.extensions.get(),
        None => fixed,
    }
}

impl WebhookTools {
    /// Who calls: what the host's authentication has put into the HTTP request; on a transport without requests, whoever the tools
    /// were made for. Never what an argument says.
    fn call(&self, extensions: &Extensions, counted: Option<Counted>) -> Result<Call, Failure> {
        let scope = caller(extensions, self.shared.principal.as_ref()).ok_or(Failure::Unauthenticated)?.scope().clone();
        let Some(tenant) = scope.tenant().cloned() else {
            return Err(Failure::tool("forbidden", "these tools are for tenants; an operator has none of its own"));
        };
        if let Some(counted) = counted {
            self.shared.limit(counted).take(&tenant)?;
        }
        Ok(Call { tools: self.clone(), tenant, scope })
    }
}
