//! An agent: an MCP client of this test, over a pipe.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::CallToolRequestParams;
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt};
use serde_json::{Value, json};

use hookwire::clock::SystemClock;
use hookwire::mcp::{OneTimeLinks, WebhookTools};
use hookwire::sender::Scope;
use hookwire::sender::egress::EgressPolicy;
use hookwire::sender::{Sender, SenderBuilder};
use hookwire::store::MemoryStore;

pub const LINKS: &str = "https://app.example/webhook-secrets/";

pub fn builder() -> SenderBuilder {
    let egress = EgressPolicy::default().dangerous_allow_http().dangerous_allow_loopback();
    Sender::builder(MemoryStore::new()).egress(egress)
}

pub fn links() -> OneTimeLinks {
    OneTimeLinks::new(LINKS, Duration::from_secs(900), Arc::new(SystemClock))
}

#[derive(Debug)]
pub struct Agent(RunningService<RoleClient, ()>);

/// What a tool answered, or why the call was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Done(Value),
    Failed(Value),
    Refused(i32, Value),
}

impl Answer {
    pub fn done(self) -> Value {
        match self {
            Self::Done(value) => value,
            other => panic!("{other:?}"),
        }
    }

    pub fn category(&self) -> String {
        match self {
            Self::Failed(value) => value["error"]["category"].as_str().unwrap().into(),
            Self::Refused(-32602, data) => format!("invalid {}", data["field"].as_str().unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }
}

impl Agent {
    pub async fn of(tools: &WebhookTools, tenant: &'static str) -> Self {
        Self::serve(tools.clone().for_scope(Scope::tenant(tenant))).await
    }

    pub async fn serve(tools: WebhookTools) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            let serving = tools.server().serve(theirs).await.unwrap();
            serving.waiting().await
        });
        Self(().serve(ours).await.unwrap())
    }

    pub async fn tools(&self) -> Value {
        serde_json::to_value(self.0.list_all_tools().await.unwrap()).unwrap()
    }

    pub async fn call(&self, name: &str, arguments: Value) -> Answer {
        let Value::Object(arguments) = arguments else { panic!("{arguments}") };
        let call = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        match self.0.call_tool(call).await {
            Ok(result) => {
                let result = serde_json::to_value(&result).unwrap();
                let value: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
                if result["isError"] == json!(true) {
                    assert!(result["structuredContent"].is_null(), "it would not be as the schema says: {result}");
                    return Answer::Failed(value);
                }
                // The text that models without structured content read is the same.
                assert_eq!(result["structuredContent"], value);
                Answer::Done(value)
            }
            Err(rmcp::ServiceError::McpError(error)) => Answer::Refused(error.code.0, error.data.unwrap_or_default()),
            Err(error) => panic!("{error}"),
        }
    }
}
