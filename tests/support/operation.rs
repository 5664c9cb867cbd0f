//! One operation of an OpenAPI document: what its requests and answers must look like.

use std::collections::{BTreeMap, HashMap};

use clerk_machine_auth::testing::{Endpoint, RecordedRequest};
use jsonschema::Validator;
use serde_json::{Value, json};

use super::schema::{coerced, compile};

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) template: Vec<String>,
    path_parameters: Vec<Parameter>,
    query_parameters: BTreeMap<String, Parameter>,
    body: Option<Validator>,
    responses: HashMap<u16, Validator>,
}

struct Parameter {
    required: bool,
    schema: Value,
    validator: Validator,
}

/// Whether a segment of a path template stands for any text.
pub(crate) fn variable(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Operation {
    pub(crate) fn new(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let components = &document["components"];
        let schema = |holder: &Value| holder.pointer("/content/application~1json/schema").cloned();
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let resolved: Vec<_> = parameters.iter().map(|p| resolve(document, p)).collect();
        let placed = |place: &str| {
            let here: Vec<_> = resolved
                .iter()
                .filter(|p| p["in"] == place)
                .cloned()
                .collect();
            here.into_iter().map(|p| {
                (
                    p["name"].as_str().unwrap().to_owned(),
                    Parameter::new(&p, components),
                )
            })
        };
        let responses = operation["responses"].as_object().unwrap().iter();
        Self {
            method: method.to_uppercase(),
            template: path
                .trim_start_matches('/')
                .split('/')
                .map(str::to_owned)
                .collect(),
            path_parameters: placed("path").map(|(_, parameter)| parameter).collect(),
            query_parameters: placed("query").collect(),
            body: schema(&operation["requestBody"]).map(|schema| compile(&schema, components)),
            responses: responses
                .filter_map(|(status, response)| {
                    let schema = schema(&resolve(document, response))?;
                    Some((status.parse().ok()?, compile(&schema, components)))
                })
                .collect(),
        }
    }

    pub(crate) fn check_request(
        &self,
        request: &RecordedRequest,
        segments: &[&str],
        found: &mut Vec<String>,
    ) {
        let values = self
            .template
            .iter()
            .zip(segments)
            .filter(|(t, _)| variable(t));
        for ((name, value), parameter) in values.zip(&self.path_parameters) {
            parameter.check(name, value, found);
        }
        self.check_query(request.query.as_deref().unwrap_or_default(), found);
        // An allowance: the Python, Java and C# clients call the token `secret` here, and Clerk
        // has never turned them away.
        let body = request.json();
        let lenient = request.endpoint == Endpoint::VerifyM2mToken && body.get("secret").is_some();
        match &self.body {
            Some(validator) if !request.body.is_empty() && !lenient => {
                report("request body", validator, &body, found);
            }
            None if !request.body.is_empty() => found.push("a body where none belongs".to_owned()),
            _ => {}
        }
    }

    fn check_query(&self, query: &str, found: &mut Vec<String>) {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        for (name, value) in &pairs {
            match self.query_parameters.get(name) {
                Some(parameter) => parameter.check(name, value, found),
                None => found.push(format!("unknown query parameter {name}")),
            }
        }
        for (name, parameter) in &self.query_parameters {
            if parameter.required && !pairs.iter().any(|(given, _)| given == name) {
                found.push(format!("missing query parameter {name}"));
            }
        }
    }

    pub(crate) fn check_response(
        &self,
        endpoint: Endpoint,
        status: u16,
        body: &[u8],
        found: &mut Vec<String>,
    ) {
        let documented = self.responses.get(&status);
        let allowed = documented.or_else(|| self.responses.get(&allowance(endpoint, status)?));
        let Some(validator) = allowed else {
            if !bodyless(endpoint, status) {
                found.push(format!("undocumented status {status}"));
            }
            return;
        };
        match serde_json::from_slice(body) {
            Ok(body) => report(&format!("{status} body"), validator, &body, found),
            Err(error) => found.push(format!("{status} body is not JSON: {error}")),
        }
    }
}

/// Statuses that Clerk answers and its document does not list, and the listed status whose schema
/// their bodies have: 201 for a created API key (the Python client demands it); 401 and 429 on
/// every token operation, and 422 where API keys are switched off.
fn allowance(endpoint: Endpoint, status: u16) -> Option<u16> {
    match (endpoint, status) {
        (Endpoint::CreateApiKey, 201) => Some(200),
        (_, 401 | 422 | 429 | 413) => Some(400),
        (Endpoint::VerifyM2mToken, 403) => Some(400),
        _ => None,
    }
}

/// The key set lists a 200 only; it has refusals like everything else, and 304 answers `ETag`s.
fn bodyless(endpoint: Endpoint, status: u16) -> bool {
    match endpoint {
        Endpoint::GetJwks => matches!(status, 304 | 400 | 401),
        Endpoint::PublicJwks => status == 304,
        _ => false,
    }
}

impl Parameter {
    fn new(parameter: &Value, components: &Value) -> Self {
        Self {
            required: parameter["required"] == json!(true),
            validator: compile(&parameter["schema"], components),
            schema: parameter["schema"].clone(),
        }
    }

    fn check(&self, name: &str, text: &str, found: &mut Vec<String>) {
        report(name, &self.validator, &coerced(text, &self.schema), found);
    }
}

fn report(what: &str, validator: &Validator, value: &Value, found: &mut Vec<String>) {
    found.extend(
        validator
            .iter_errors(value)
            .map(|error| format!("{what}: {error}")),
    );
}

fn resolve(document: &Value, value: &Value) -> Value {
    let pointer = value
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|text| text.strip_prefix('#'));
    pointer.map_or_else(
        || value.clone(),
        |pointer| document.pointer(pointer).unwrap().clone(),
    )
}
