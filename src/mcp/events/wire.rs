//! The JSON of the draft.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Parameters of `events/subscribe`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscribe {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Option<Value>,
    pub(super) delivery: Delivery,
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// Absent: the server's default. `null`: without end.
    #[serde(default, deserialize_with = "present")]
    pub(super) ttl_ms: Option<Option<u64>>,
}

/// The target of the events.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    #[serde(default)]
    pub(super) mode: Option<String>,
    pub(super) url: String,
    #[serde(default)]
    pub(super) secret: Option<String>,
}

/// Parameters of `events/unsubscribe`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unsubscribe {
    pub(super) name: String,
    #[serde(default)]
    pub(super) arguments: Option<Value>,
    pub(super) delivery: Delivery,
}

/// Result of `events/subscribe`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscribed {
    pub(super) id: String,
    pub(super) refresh_before: Option<String>,
    pub(super) cursor: Option<String>,
    pub(super) truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery_status: Option<DeliveryStatus>,
}

/// The delivery status of a failing subscription.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveryStatus {
    pub(super) active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_delivery_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed_since: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(json).map(Some)
}

/// An event on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    pub(super) event_id: &'a str,
    pub(super) name: &'a str,
    pub(super) timestamp: String,
    pub(super) data: &'a Value,
    pub(super) cursor: Option<&'a str>,
}

/// Writes equal arguments as the same JSON text: sorted members, without spaces. `None`: an empty object.
pub(super) fn canonical(arguments: Option<&Value>) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| name.as_str());
                Value::Object(members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect())
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    match arguments {
        None | Some(Value::Null) => "{}".into(),
        Some(arguments) => sorted(arguments).to_string(),
    }
}
