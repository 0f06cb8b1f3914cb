//! MCP Triggers & Events, webhook delivery: a draft.

use serde::Deserialize;
use serde_json::Value;

use crate::provider::known::standard::dialect;
use crate::provider::{BodyPart, Condition, Fact, Handshake, Retries, Scheme};
use crate::signature::Place;

const CHALLENGE: Place = Place::Json("/challenge");

/// MCP Triggers & Events, webhook delivery. **This is a draft**: no release of MCP contains it, and every part of it may change (read
/// at revision 082166f of the working group's sketch).
///
/// It is Standard Webhooks with the secret that the client chose when it subscribed. The header `X-MCP-Subscription-Id` is kept with
/// the event but is not signed; id and time are signed. The verification is answered with its challenge after its signature was
/// checked. Gap and terminated messages are events of those types; read the body as an [`McpMessage`]. A receiver should answer 503
/// to a subscription that it does not have yet, and 2xx only after the event is stored.
///
/// Source: <https://github.com/modelcontextprotocol/experimental-ext-triggers-events>
pub static MCP_EVENTS: Scheme =
    dialect("mcp_events", "https://github.com/modelcontextprotocol/experimental-ext-triggers-events")
        .event_type(&[Place::Json("/type"), Place::Json("/name")])
        .keep(&["x-mcp-subscription-id"])
        .handshakes(&[Handshake::signed(&[
            Condition::Is(Place::Json("/type"), "verification"),
            Condition::Has(CHALLENGE),
        ])
        .body(
            "application/json",
            &[BodyPart::Text(r#"{"challenge":"#), BodyPart::Json(CHALLENGE), BodyPart::Text("}")],
        )])
        .retries(
            Retries::documented("https://github.com/modelcontextprotocol/experimental-ext-triggers-events")
                .same_id(Fact::Yes),
        );

/// The content of a webhook of the draft.
///
/// ```
/// use hookwire::provider::McpMessage;
///
/// let gap: McpMessage = serde_json::from_str(r#"{"type":"gap","cursor":"c1"}"#)?;
/// assert!(matches!(gap, McpMessage::Gap { cursor: Some(cursor) } if cursor == "c1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Body")]
#[non_exhaustive]
pub enum McpMessage {
    /// An event happened.
    Event {
        /// The event's id, which is its `webhook-id`.
        id: String,
        /// The kind of event.
        name: String,
        /// The time of the event (RFC 3339).
        timestamp: Option<String>,
        /// The payload of the event.
        data: Value,
        /// The cursor: everything before it was delivered or dropped.
        cursor: Option<String>,
    },
    /// Events were lost: continue from the cursor, or request the whole state.
    Gap {
        /// The cursor to continue from.
        cursor: Option<String>,
    },
    /// The subscription has ended.
    Terminated {
        /// The JSON-RPC error object.
        error: Value,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    r#type: Option<String>,
    event_id: Option<String>,
    name: Option<String>,
    timestamp: Option<String>,
    #[serde(default)]
    data: Value,
    cursor: Option<String>,
    #[serde(default)]
    error: Value,
}

impl TryFrom<Body> for McpMessage {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, &'static str> {
        let Body { r#type, event_id, name, timestamp, data, cursor, error } = body;
        match (r#type.as_deref(), event_id, name) {
            (Some("gap"), ..) => Ok(Self::Gap { cursor }),
            (Some("terminated"), ..) => Ok(Self::Terminated { error }),
            (None, Some(id), Some(name)) => Ok(Self::Event { id, name, timestamp, data, cursor }),
            _ => Err("the body is neither an event nor a control message of the draft"),
        }
    }
}
