//! The metadata of a protected resource as JSON (RFC 9728 §2).

use bytes::Bytes;
use serde::Serialize;

/// The members of the document; RFC 9728 §3.2 requires that those without a value are omitted.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Document {
    resource: Box<str>,
    pub(super) authorization_servers: Vec<Box<str>>,
    /// Never a query and never a body: tokens there end up in logs.
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) scopes_supported: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_documentation: Option<Box<str>>,
}

impl Document {
    pub(super) fn new(url: &str) -> Self {
        Self {
            resource: url.into(),
            authorization_servers: Vec::new(),
            bearer_methods_supported: ["header"],
            scopes_supported: Vec::new(),
            resource_name: None,
            resource_documentation: None,
        }
    }

    /// Serializes the document, with this authorization server if none was set.
    pub(super) fn write(&self, default: Option<&str>) -> Bytes {
        let mut document = self.clone();
        if document.authorization_servers.is_empty() {
            document.authorization_servers = default.map(Into::into).into_iter().collect();
        }
        // Never fails: it only contains strings and lists of strings.
        serde_json::to_vec(&document).unwrap_or_default().into()
    }
}
