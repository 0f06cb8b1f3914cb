//! A server with the tools and the events.

use std::fmt;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, ListToolsResult,
    PaginatedRequestParams, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::super::WebhookTools;
use super::super::server::WebhookServer;
use super::McpEvents;

/// An MCP server with only the tools and the events.
#[derive(Clone, Debug)]
struct McpEventsServer {
    tools: WebhookServer,
    events: McpEvents,
}

impl McpEventsServer {
    const fn new(tools: WebhookServer, events: McpEvents) -> Self {
        Self { tools, events }
    }
}

impl McpEvents {
    /// A server with only the tools and these events: serve it over any transport of `rmcp`.
    #[must_use]
    pub fn server(&self, tools: &WebhookTools) -> impl ServerHandler + Clone + fmt::Debug + use<> {
        McpEventsServer::new(WebhookServer::new(tools.router()), self.clone())
    }
}

impl ServerHandler for McpEventsServer {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.tools.get_info();
        let events = McpEvents::capability().as_object().cloned().unwrap_or_default();
        info.capabilities.experimental.get_or_insert_default().insert("events".into(), events);
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.tools.list_tools(request, context).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.tools.call_tool(request, context).await
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get_tool(name)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let unknown = || ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method.clone(), None);
        self.events.answer(&request, &context.extensions).await.unwrap_or_else(|| Err(unknown()))
    }
}
