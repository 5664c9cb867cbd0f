//! OAuth protected resources (RFC 9728): metadata that names the authorization server, and a layer
//! that only accepts tokens issued for the resource.

mod document;
mod service;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderValue;
use url::Url;

use self::document::Document;
pub use self::service::{ProtectedResourceMetadata, ProtectedResourceMetadataService};
use crate::authenticator::Authenticator;
use crate::challenge::challenge;
use crate::config::BuildError;
use crate::error::{AuthError, Protection};
use crate::jwt::is_same_resource;
use crate::middleware::ClerkMachineAuth;
use crate::scope::check_list;
use crate::transport::BaseUrl;

/// The path of the metadata for a resource without a path (RFC 9728 §3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// An OAuth protected resource, such as an MCP server (RFC 9728).
///
/// A client that gets a 401 finds the URL of the resource's metadata in the challenge. The metadata
/// names the authorization server. There, the client gets a token with the resource as its audience
/// (RFC 8707), and comes back with it. Three lines turn a service into such a resource:
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn app(mcp: axum::Router) -> Result<axum::Router, clerk_machine_auth::BuildError> {
/// use clerk_machine_auth::{AuthenticatorBuilder, ProtectedResource};
///
/// let resource = ProtectedResource::new("https://mcp.example.com/mcp")?;
/// let clerk = AuthenticatorBuilder::from_env()?.resource(&resource).build()?;
/// let app = mcp.layer(resource.layer(clerk)).layer(resource.metadata_service());
/// # Ok(app)
/// # }
/// ```
///
/// # Rules
///
/// - **P1.** The metadata contains what is configured here and nothing of any request, so a forged
///   `Host` has no effect. It is served without a token.
/// - **P2.** The challenge is `Bearer resource_metadata="…"`, then `error`, then `scope`.
/// - **P3.** [`layer`](Self::layer) accepts OAuth tokens only, and only those that name the resource
///   as their audience.
/// - **P4.** An audience may differ from the resource in the case of scheme and host, in the
///   default port, and in one trailing slash. A prefix never matches.
/// - **P5.** 401 and 403 list all scopes of the operation.
///
/// P6 is [`McpScopes`](crate::McpScopes), and P7 is [`McpSessionGuard`](crate::McpSessionGuard).
/// P8: the token is removed from the request, so that the server cannot pass it on.
///
/// # Security
///
/// **Clerk puts the audience into a token only if the URL of the resource is registered** in its
/// dashboard, under *Agents → MCP servers*. Until then, every token is rejected, because a token
/// without an audience may have been issued for any service of the instance (confused deputy).
#[derive(Debug, Clone)]
#[must_use]
pub struct ProtectedResource {
    url: Box<str>,
    origin: Box<str>,
    path: Box<str>,
    document: Document,
    /// Set by the authenticator, which knows Clerk's issuer; shared by clones.
    issuer: Arc<OnceLock<Box<str>>>,
}

impl ProtectedResource {
    /// Creates a resource with this URL, which must be the one that clients call.
    ///
    /// # Errors
    ///
    /// Fails if the URL is relative, uses `http` on a host that is not a loopback one, has a user
    /// name, a query or a fragment, or has segments that clients would rewrite.
    pub fn new(url: impl AsRef<str>) -> Result<Self, BuildError> {
        let mistake = |problem: &dyn std::fmt::Display| BuildError::new("resource", problem);
        let given = url.as_ref().trim();
        BaseUrl::parse(given).map_err(|error| mistake(&error))?;
        let url = Url::parse(given).map_err(|error| mistake(&error))?;
        if !is_same_resource(url.as_str(), given) {
            return Err(mistake(&REWRITTEN));
        }
        let path = if url.path() == "/" { "" } else { url.path() };
        let origin = url.origin().ascii_serialization();
        let url = format!("{origin}{path}");
        Ok(Self {
            document: Document::new(&url),
            url: url.into(),
            path: path.into(),
            origin: origin.into(),
            issuer: Arc::default(),
        })
    }

    /// Adds an authorization server that issues tokens for the resource.
    ///
    /// This is the issuer of the Clerk instance, i.e. its Frontend API
    /// (`https://clerk.example.com`).
    ///
    /// By default, it is the issuer of the authenticator, from its publishable key or
    /// [`issuer`](crate::AuthenticatorBuilder::issuer).
    ///
    /// # Errors
    ///
    /// Fails if the issuer is not a URL that [`new`](Self::new) would accept.
    pub fn authorization_server(mut self, issuer: impl AsRef<str>) -> Result<Self, BuildError> {
        let issuer = issuer.as_ref().trim();
        BaseUrl::parse(issuer).map_err(|error| BuildError::new("authorization_server", error))?;
        self.document.authorization_servers.push(issuer.into());
        Ok(self)
    }

    /// Sets the scopes that clients may request (`scopes_supported`).
    ///
    /// # Errors
    ///
    /// Fails if the list is empty, contains an invalid scope (RFC 6749 §3.3), or contains
    /// `offline_access`, which concerns only the client and the authorization server.
    pub fn scopes<S: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, BuildError> {
        let scopes: Vec<Box<str>> = scopes.into_iter().map(|s| s.as_ref().into()).collect();
        check_list(&scopes).map_err(|error| BuildError::new("scopes", error))?;
        if scopes.iter().any(|scope| **scope == *"offline_access") {
            let problem = "`offline_access` is no scope of a resource; leave it out";
            return Err(BuildError::new("scopes", problem));
        }
        self.document.scopes_supported = scopes;
        Ok(self)
    }

    /// Sets the human-readable name of the resource (`resource_name`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into().into());
        self
    }

    /// Sets the URL of the resource's documentation (`resource_documentation`).
    ///
    /// # Errors
    ///
    /// Fails if the URL is not `https`, or `http` on a loopback host.
    pub fn documentation(mut self, url: impl AsRef<str>) -> Result<Self, BuildError> {
        let mistake = |error: &dyn std::fmt::Display| BuildError::new("documentation", error);
        let url = Url::parse(url.as_ref().trim()).map_err(|error| mistake(&error))?;
        if url.scheme() != "https" && !crate::transport::is_loopback(&url) {
            return Err(mistake(&"it must use https"));
        }
        self.document.resource_documentation = Some(url.as_str().into());
        Ok(self)
    }

    /// Returns the URL of the resource, as used in the metadata and as the audience of tokens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the path of the metadata: `/.well-known/oauth-protected-resource`, followed by the
    /// path of the resource (RFC 9728 §3.1).
    #[must_use]
    pub fn metadata_path(&self) -> String {
        let path = self.path.strip_suffix('/').unwrap_or(&self.path);
        format!("{WELL_KNOWN}{path}")
    }

    /// Returns the URL of the metadata, as used in challenges.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin, self.metadata_path())
    }

    /// Returns a layer that protects the resource.
    ///
    /// It accepts OAuth tokens that have the resource as their audience, and tells other clients
    /// where to sign in.
    ///
    /// The layer has all settings of [`ClerkMachineAuth`]:
    ///
    /// - [`accept`](ClerkMachineAuth::accept) can add API keys and M2M tokens, which have no
    ///   audience, for callers other than MCP clients.
    ///
    /// - [`require_scopes`](ClerkMachineAuth::require_scopes) also lists its scopes in the 401, so
    ///   that a client signs in once. A [`RequireScopes`](crate::RequireScopes) layer further
    ///   inside cannot do this; clients then request the [`scopes`](Self::scopes) of the metadata.
    ///
    /// Requests for the metadata pass this layer without a token, so the order of the two layers
    /// does not matter.
    pub fn layer(&self, clerk: Authenticator) -> ClerkMachineAuth {
        self.learn_issuer(clerk.issuer());
        let paths = self.paths(true);
        ClerkMachineAuth::of_resource(clerk, &self.url, &self.metadata_url(), paths)
    }

    /// Returns the service that serves the metadata, which is also a layer.
    pub fn metadata_service(&self) -> ProtectedResourceMetadata {
        ProtectedResourceMetadata::new(self.clone())
    }

    /// Returns the `WWW-Authenticate` value for a rejection, to be used without the layer.
    ///
    /// Returns `None` if another token would not help.
    ///
    /// # Security
    ///
    /// Without the layer, set the audience with
    /// [`AuthenticatorBuilder::resource`](crate::AuthenticatorBuilder::resource).
    #[must_use]
    pub fn challenge(&self, error: &AuthError) -> Option<HeaderValue> {
        let protection = Protection {
            resource_metadata: Some(self.metadata_url().into()),
            ..Protection::default()
        };
        challenge(error, &protection)
    }

    /// Sets Clerk's issuer as the default authorization server.
    pub(crate) fn learn_issuer(&self, issuer: Option<&str>) {
        if let Some(issuer) = issuer {
            self.issuer.set(issuer.into()).ok();
        }
    }

    pub(crate) fn has_authorization_server(&self) -> bool {
        !self.document.authorization_servers.is_empty() || self.issuer.get().is_some()
    }

    /// Returns the metadata; `None` while no authorization server is known.
    fn metadata(&self) -> Option<Bytes> {
        let issuer = self.issuer.get().map(AsRef::as_ref);
        self.has_authorization_server()
            .then(|| self.document.write(issuer))
    }

    /// Returns the paths of the metadata, each with and without a trailing slash.
    fn paths(&self, is_only: bool) -> Box<[Box<str>]> {
        let own = self.metadata_path();
        let root = is_only.then(|| WELL_KNOWN.to_owned());
        let paths = [Some(own), root].into_iter().flatten();
        let both = paths.flat_map(|path| [format!("{path}/"), path]);
        both.map(Into::into).collect()
    }
}

const REWRITTEN: &str = "clients would write the URL in another way; write it without `.` and `..` \
    segments, control characters, spaces and backslashes";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document(resource: &ProtectedResource) -> Value {
        serde_json::from_slice(&resource.metadata().unwrap()).unwrap()
    }

    #[test]
    fn p1_the_metadata_holds_what_was_set_and_no_more() {
        let plain = ProtectedResource::new("https://mcp.example.com/mcp").unwrap();
        assert!(plain.metadata().is_none(), "nobody to sign in at");
        plain.learn_issuer(Some("https://clerk.example.com"));
        assert_eq!(
            document(&plain),
            json!({
                "resource": "https://mcp.example.com/mcp",
                "authorization_servers": ["https://clerk.example.com"],
                "bearer_methods_supported": ["header"],
            })
        );
        let full = ProtectedResource::new("https://mcp.example.com/mcp")
            .and_then(|resource| resource.authorization_server("https://as.example.com"))
            .and_then(|resource| resource.scopes(["reports:read", "reports:write"]))
            .and_then(|resource| resource.documentation("https://docs.example.com/mcp"))
            .unwrap()
            .name("Reports");
        full.learn_issuer(Some("https://clerk.example.com"));
        assert_eq!(
            document(&full),
            json!({
                "resource": "https://mcp.example.com/mcp",
                "authorization_servers": ["https://as.example.com"],
                "bearer_methods_supported": ["header"],
                "scopes_supported": ["reports:read", "reports:write"],
                "resource_name": "Reports",
                "resource_documentation": "https://docs.example.com/mcp",
            })
        );
    }

    #[test]
    fn p1_a_resource_is_an_https_url_that_clients_do_not_rewrite() {
        for (given, url, path) in [
            ("https://a.example", "https://a.example", ""),
            ("https://a.example/", "https://a.example", ""),
            ("HTTPS://A.Example:443/Mcp", "https://a.example/Mcp", "/Mcp"),
            ("https://a.example/mcp/", "https://a.example/mcp/", "/mcp"),
            (
                "http://127.0.0.1:3000/mcp",
                "http://127.0.0.1:3000/mcp",
                "/mcp",
            ),
        ] {
            let resource = ProtectedResource::new(given).unwrap();
            assert_eq!(resource.url(), url, "{given}");
            assert_eq!(resource.metadata_path(), format!("{WELL_KNOWN}{path}"));
        }
        for bad in [
            "",
            "/mcp",
            "mcp.example.com/mcp",
            "http://a.example/mcp",
            "https://a.example/mcp#f",
            "https://a.example/mcp?q",
            "https://u:p@a.example/mcp",
            "https://a.example/x/../mcp",
            "https://a.example/a b",
            "https://a.example\\mcp",
            "ftp://a.example",
        ] {
            let error = ProtectedResource::new(bad).unwrap_err();
            assert_eq!(error.setting(), "resource", "{bad}");
        }
    }

    #[test]
    fn p1_scopes_of_a_resource_are_scopes_and_not_offline_access() {
        let resource = ProtectedResource::new("https://a.example").unwrap();
        for bad in [
            vec![],
            vec!["a b"],
            vec!["a\""],
            vec!["reports:read", "offline_access"],
        ] {
            assert!(resource.clone().scopes(&bad).is_err(), "{bad:?}");
        }
        assert!(
            resource
                .clone()
                .authorization_server("http://a.example")
                .is_err()
        );
        assert!(resource.documentation("javascript:alert(1)").is_err());
    }

    #[test]
    fn p2_a_rejection_without_a_layer_has_the_challenge_of_the_resource() {
        let resource = ProtectedResource::new("https://a.example/mcp").unwrap();
        let error = AuthError::from(crate::error::Reason::Expired);
        let expected = concat!(
            r#"Bearer resource_metadata="https://a.example/.well-known/oauth-protected-resource/mcp","#,
            r#" error="invalid_token""#
        );
        assert_eq!(resource.challenge(&error).unwrap(), expected);
    }
}
