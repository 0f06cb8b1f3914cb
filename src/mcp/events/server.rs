//! The tools and the events, as a server of their own.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, ErrorCode, ListToolsResult,
    PaginatedRequestParams, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::McpEvents;
use crate::mcp::WebhookServer;

/// An MCP server that has the tools of [`WebhookTools`](crate::mcp::WebhookTools) and the events, and nothing else.
#[derive(Clone, Debug)]
pub struct McpEventsServer {
    tools: WebhookServer,
    events: McpEvents,
}

impl McpEventsServer {
    /// Both.
    #[must_use]
    pub const fn new(tools: WebhookServer, events: McpEvents) -> Self {
        Self { tools, events }
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
