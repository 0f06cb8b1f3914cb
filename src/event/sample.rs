//! Makes a sample value that a JSON Schema allows.

use serde_json::{Map, Value, json};

/// Returns the schema's own example if it has one, and otherwise the simplest value that the schema allows. Recursive types end
/// at the first member that may be left out.
pub(super) fn sample(schema: &Value) -> Value {
    Maker { root: schema }.of(schema, &[""]).unwrap_or_default()
}

struct Maker<'a> {
    root: &'a Value,
}

impl Maker<'_> {
    /// `within` holds the references that led here. Returns `None` if the schema refers to one of them again.
    fn of(&self, schema: &Value, within: &[&str]) -> Option<Value> {
        let given = schema.pointer("/examples/0").or_else(|| schema.get("default")).or_else(|| schema.get("const"));
        if let Some(given) = given.or_else(|| schema.pointer("/enum/0")) {
            return Some(given.clone());
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
            let deeper = [within, &[target]].concat();
            return if within.contains(&target) { None } else { self.of(self.root.pointer(target)?, &deeper) };
        }
        let choices = ["oneOf", "anyOf", "allOf"].iter().find_map(|any| schema.get(any)?.as_array());
        match choices {
            // A schema may have members of its own in addition to the choice.
            Some(choices) => {
                let chosen = choices.iter().find_map(|choice| self.of(choice, within))?;
                Some(merged(chosen, self.plain(schema, within)))
            }
            None => Some(self.plain(schema, within)),
        }
    }

    fn plain(&self, schema: &Value, within: &[&str]) -> Value {
        let kind = schema.get("type");
        let kind = kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
        match kind {
            Some("object") => self.object(schema, within),
            Some("array") => self.array(schema, within),
            Some("string") => Value::from(text(schema)),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(0)),
            Some("boolean") => json!(false),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, within: &[&str]) -> Value {
        let members = schema.get("properties").and_then(Value::as_object);
        let member = |(name, member): (&String, &Value)| Some((name.clone(), self.of(member, within)?));
        Value::Object(members.into_iter().flatten().filter_map(member).collect::<Map<_, _>>())
    }

    fn array(&self, schema: &Value, within: &[&str]) -> Value {
        if let Some(items) = schema.get("prefixItems").and_then(Value::as_array) {
            return items.iter().map(|item| self.of(item, within).unwrap_or_default()).collect();
        }
        let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(8);
        let item = schema.get("items").and_then(|items| self.of(items, within)).unwrap_or_default();
        (0..count).map(|_| item.clone()).collect()
    }
}

/// Merges two objects. If one of the values is not an object, returns `chosen`.
fn merged(chosen: Value, plain: Value) -> Value {
    match (chosen, plain) {
        (Value::Object(mut chosen), Value::Object(plain)) => {
            chosen.extend(plain);
            Value::Object(chosen)
        }
        (chosen, _) => chosen,
    }
}

fn text(schema: &Value) -> String {
    let known = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        Some("uuid") => "0190b3c2-d4e5-7607-8293-a4b5c6d7e8f9",
        Some("uri") => "https://example.com/",
        Some("email") => "somebody@example.com",
        _ => "text",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(64);
    let missing = usize::try_from(least).unwrap_or(0).saturating_sub(known.len());
    format!("{known}{}", "x".repeat(missing))
}
