//! MCP Triggers & Events, webhook delivery: a draft.

use serde::Deserialize;
use serde_json::Value;

use crate::signature::standard;
use crate::signature::{Fact, Handshake, Piece, Place, Retries, Scheme, When};

const CHALLENGE: Place = Place::Json("/challenge");

/// MCP Triggers & Events, webhook delivery. **A draft**, in no release of MCP, which may change in any way (read at
/// revision 082166f of the working group's sketch).
///
/// Standard Webhooks with the secret that the client gave when it subscribed, and `X-MCP-Subscription-Id` beside it, which is kept with the event and not signed.
/// Id and time are. The verification is answered with its challenge, once its signature was checked. Gap and terminated messages
/// are events of those types; read the body as an [`McpMessage`]. A receiver should answer 503 to a subscription that it does not
/// know yet, and 2xx only once the event is safe.
///
/// Source: <https://github.com/modelcontextprotocol/experimental-ext-triggers-events>
pub static MCP_EVENTS: Scheme =
    standard::dialect("mcp_events", "https://github.com/modelcontextprotocol/experimental-ext-triggers-events")
        .event_type(&[Place::Json("/type"), Place::Json("/name")])
        .keep(&["x-mcp-subscription-id"])
        .handshakes(&[Handshake::signed(&[When::Is(Place::Json("/type"), "verification"), When::Has(CHALLENGE)])
            .body("application/json", &[Piece::Text(r#"{"challenge":"#), Piece::Json(CHALLENGE), Piece::Text("}")])])
        .retries(
            Retries::documented("https://github.com/modelcontextprotocol/experimental-ext-triggers-events")
                .same_id(Fact::Yes),
        );

/// What a webhook of the draft says.
///
/// ```
/// use hookwire::signature::providers::McpMessage;
///
/// let gap: McpMessage = serde_json::from_str(r#"{"type":"gap","cursor":"c1"}"#)?;
/// assert!(matches!(gap, McpMessage::Gap { cursor: Some(cursor) } if cursor == "c1"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Body")]
#[non_exhaustive]
pub enum McpMessage {
    /// Something happened.
    Event {
        /// The event's id, which is its `webhook-id`.
        id: String,
        /// What kind of event it is.
        name: String,
        /// When it happened (RFC 3339).
        timestamp: Option<String>,
        /// Its payload.
        data: Value,
        /// Everything up to here has been delivered or given up.
        cursor: Option<String>,
    },
    /// Events were lost: read on from the cursor, or ask for the whole state.
    Gap {
        /// Where to go on.
        cursor: Option<String>,
    },
    /// The subscription has ended.
    Terminated {
        /// The error, as JSON-RPC writes it.
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
            _ => Err("neither an event nor a control message of the draft"),
        }
    }
}
