//! Turns a function into a tool that any server can offer.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rmcp::handler::server::common::{schema_for_input, schema_for_output};
use rmcp::handler::server::router::tool::ToolRoute;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{CallToolResponse, CallToolResult, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::{Call, Counted, Toolbox};
use super::failure::Failure;

/// The description of a tool for models. All annotations are hints.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) reads_only: bool,
    pub(super) destroys: bool,
    pub(super) repeats: bool,
    /// The tool sends requests to external addresses.
    pub(super) reaches_out: bool,
    /// The kind of calls that this tool is counted with. Every tool that changes or sends something is counted.
    pub(super) counted: Option<Counted>,
}

/// The function that implements a tool.
pub(super) type Work<A, O> = fn(Call, A) -> BoxFuture<'static, Result<O, Failure>>;

pub(super) fn route<S, A, O>(toolbox: &Arc<Toolbox>, spec: &Spec, work: Work<A, O>) -> ToolRoute<S>
where
    S: Send + Sync + 'static,
    A: DeserializeOwned + JsonSchema + Send + 'static,
    O: Serialize + JsonSchema + 'static,
{
    let (toolbox, counted) = (toolbox.clone(), spec.counted);
    ToolRoute::new_dyn(described::<A, O>(spec), move |context: ToolCallContext<'_, S>| {
        let call = toolbox.accept(&context.request_context.extensions, counted);
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
    // The schema must be an object, which it is for our types.
    let input = schema_for_input::<A>().unwrap_or_default();
    Tool::new(spec.name, spec.description, plain(&input))
        .with_raw_output_schema(plain(&schema_for_output::<O>()))
        .with_annotations(annotations)
}

/// Removes formats that only Rust has (`uint32`): some clients warn about them, and some refuse them.
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
