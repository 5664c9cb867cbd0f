//! Describes protected routes in OpenAPI documents of utoipa (feature `utoipa`).
//!
//! [`SecurityAddon`] adds the security scheme `machineToken`, the schemas of [`MachineAuth`] and of the
//! problem body, and the responses of the layer to every operation that requires the scheme.
//!
//! ```
//! use clerk_machine_auth::openapi::SecurityAddon;
//! use utoipa::Modify as _;
//! use utoipa::openapi::security::SecurityRequirement;
//! use utoipa::openapi::{HttpMethod, OpenApi, PathsBuilder, path::OperationBuilder, path::PathItem};
//!
//! let reads = SecurityRequirement::new(SecurityAddon::SCHEME, ["reports:read"]);
//! let operation = OperationBuilder::new().security(reads).build();
//! let mut api = OpenApi::default();
//! api.paths = PathsBuilder::new()
//!     .path("/reports", PathItem::new(HttpMethod::Get, operation))
//!     .build();
//! SecurityAddon::new().modify(&mut api);
//! let api = serde_json::to_value(&api)?;
//! let responses = &api["paths"]["/reports"]["get"]["responses"];
//! assert_eq!(responses["403"]["$ref"], "#/components/responses/MissingScope");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! With utoipa's macros, an operation requires it with `security(("machineToken" = ["reports:read"]))`.
//! `examples/openapi` contains a complete service with utoipa-axum.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Schema};
use utoipa::{Modify, PartialSchema, ToSchema};

use crate::identity::MachineAuth;

/// The components that are added to every document.
const COMPONENTS: &str = include_str!("components.json");

/// Adds the requirements and responses of a [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer to a
/// document.
///
/// Apply it after all routes have been added. Existing components of the same names are kept, and so
/// are existing responses of an operation.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct SecurityAddon {
    api_key_header: Option<Box<str>>,
}

impl SecurityAddon {
    /// The name of the security scheme for a bearer token.
    pub const SCHEME: &str = "machineToken";

    /// The name of the security scheme for a token in a separate header field.
    pub const API_KEY_SCHEME: &str = "machineApiKey";

    /// Describes a layer that accepts bearer tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Describes a layer that also accepts tokens from this field; see
    /// [`ClerkMachineAuth::api_key_header`](crate::ClerkMachineAuth::api_key_header).
    pub fn api_key_header(mut self, name: impl Into<Box<str>>) -> Self {
        self.api_key_header = Some(name.into());
        self
    }

    fn add_components(&self, components: &mut Components) {
        let own: Components = serde_json::from_str(COMPONENTS).unwrap_or_default();
        for (name, schema) in own.schemas {
            components.schemas.entry(name).or_insert(schema);
        }
        for (name, response) in own.responses {
            components.responses.entry(name).or_insert(response);
        }
        let schemes = &mut components.security_schemes;
        for (name, scheme) in own.security_schemes {
            schemes.entry(name).or_insert(scheme);
        }
        if let Some(field) = &self.api_key_header {
            let value = ApiKeyValue::new(field.as_ref());
            let scheme = SecurityScheme::ApiKey(ApiKey::Header(value));
            let name = Self::API_KEY_SCHEME.to_owned();
            schemes.entry(name).or_insert(scheme.into());
        }
    }
}

impl Modify for SecurityAddon {
    fn modify(&self, openapi: &mut OpenApi) {
        self.add_components(openapi.components.get_or_insert_default());
        let general = openapi.security.as_deref().unwrap_or_default();
        for item in openapi.paths.paths.values_mut() {
            for operation in operations(item) {
                let asked = asked(operation.security.as_deref().unwrap_or(general));
                if let Some(scopes) = asked {
                    add_responses(operation, !scopes.is_empty());
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
        &mut item.query,
    ];
    all.into_iter().flatten()
}

/// Returns the scopes in the requirements of our schemes, or `None` if they require none of our
/// schemes.
fn asked(requirements: &[SecurityRequirement]) -> Option<Vec<Value>> {
    let ours = [SecurityAddon::SCHEME, SecurityAddon::API_KEY_SCHEME];
    let mut found = None;
    for requirement in requirements {
        // The fields of a requirement are private, so its serialized form is read.
        let written = serde_json::to_value(requirement).unwrap_or_default();
        for scopes in ours.iter().filter_map(|name| written.get(name)) {
            let scopes = Vec::deserialize(scopes).unwrap_or_default();
            found.get_or_insert_with(Vec::new).extend(scopes);
        }
    }
    found
}

fn add_responses(operation: &mut Operation, has_scopes: bool) {
    let mut answers = vec![
        ("400", "MalformedToken"),
        ("401", "Unauthorized"),
        ("503", "TokenNotVerifiable"),
    ];
    if has_scopes {
        answers.push(("403", "MissingScope"));
    }
    for (status, name) in answers {
        let response = RefOr::Ref(Ref::from_response_name(name));
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert(response);
    }
}

/// The schema of Clerk's own auth object, for each of the three token types.
impl PartialSchema for MachineAuth {
    fn schema() -> RefOr<Schema> {
        let components: Components = serde_json::from_str(COMPONENTS).unwrap_or_default();
        let schema = components.schemas.get("MachineAuth").cloned();
        schema.unwrap_or_default()
    }
}

impl ToSchema for MachineAuth {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("MachineAuth")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_components_are_those_of_a_document() {
        let components: Components = serde_json::from_str(COMPONENTS).unwrap();
        let again = serde_json::to_value(&components).unwrap();
        let written: Value = serde_json::from_str(COMPONENTS).unwrap();
        assert_eq!(again, written);
    }
}
