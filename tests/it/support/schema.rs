//! From the schemas of OpenAPI 3.0 to those of JSON Schema.

use serde_json::{Map, Value, json};

/// Compiles an OpenAPI schema; its references point into `components`.
pub(crate) fn compile(schema: &Value, components: &Value) -> jsonschema::Validator {
    let mut root = Map::new();
    root.insert("allOf".to_owned(), json!([converted(schema)]));
    root.insert("components".to_owned(), converted(components));
    jsonschema::draft202012::new(&Value::Object(root)).expect("a schema that compiles")
}

/// Rewrites `nullable` and the boolean `exclusiveMinimum`, at every depth.
fn converted(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(converted_object(members)),
        Value::Array(items) => Value::Array(items.iter().map(converted).collect()),
        other => other.clone(),
    }
}

fn converted_object(members: &Map<String, Value>) -> Map<String, Value> {
    let mut out: Map<_, _> = members
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "nullable" | "example"))
        .map(|(name, value)| (name.clone(), converted(value)))
        .collect();
    if members.get("nullable") == Some(&Value::Bool(true)) {
        allow_null(&mut out);
    }
    if out.get("exclusiveMinimum") == Some(&Value::Bool(true)) {
        let minimum = out.remove("minimum").unwrap_or_else(|| json!(0));
        out.insert("exclusiveMinimum".to_owned(), minimum);
    }
    out
}

/// A nullable schema without a type allows everything, `null` included, as it is.
fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(Value::String(kind)) = schema.get("type") {
        let kinds = json!([kind, "null"]);
        schema.insert("type".to_owned(), kinds);
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Reads a parameter's text as the type that its schema names.
pub(crate) fn coerced(text: &str, schema: &Value) -> Value {
    let nullable = schema.get("nullable") == Some(&Value::Bool(true));
    if nullable && matches!(text, "" | "null") {
        return Value::Null;
    }
    let number = || text.parse::<f64>().ok().map(|number| json!(number));
    let read = match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => number(),
        Some("boolean") => text.parse::<bool>().ok().map(Value::Bool),
        _ => None,
    };
    read.unwrap_or_else(|| json!(text))
}
