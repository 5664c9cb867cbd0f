//! Protected resources (RFC 9728): where a client learns which authorization server to ask, and the
//! layer that lets in only tokens that were issued for the resource.

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

/// Where the metadata of a resource without a path is (RFC 9728 §3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// A resource that OAuth clients find by themselves, such as an MCP server (RFC 9728).
///
/// A client that gets a 401 reads in the challenge where the metadata of the resource is, there
/// which authorization server to ask, gets a token that names the resource as its audience
/// (RFC 8707), and comes back with it. Three lines make a service such a resource:
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
/// - **P1.** The metadata holds what is set here and nothing of any request, so a forged `Host` shows
///   nowhere. It is answered without a token.
/// - **P2.** The challenge is `Bearer resource_metadata="…"`, then `error`, then `scope`.
/// - **P3.** [`layer`](Self::layer) accepts OAuth tokens only, and only those that name the resource
///   as their audience.
/// - **P4.** An audience may differ from the resource in the case of scheme and host, in the scheme's
///   own port, and in one trailing slash. A prefix never matches.
/// - **P5.** 401 and 403 name all scopes of the operation.
///
/// P6 is [`McpScopes`](crate::McpScopes), P7 [`McpSessionGuard`](crate::McpSessionGuard). P8: a token is
/// taken off the request, so that the server cannot pass it on.
///
/// # Security
///
/// **Clerk puts the audience into a token only if the URL of the resource is registered with it**, in
/// its dashboard under Agents → MCP servers. Until then every token is refused, since one without an
/// audience may have been issued for any service of the instance (confused deputy).
#[derive(Debug, Clone)]
#[must_use]
pub struct ProtectedResource {
    url: Box<str>,
    origin: Box<str>,
    path: Box<str>,
    document: Document,
    /// Filled by whoever knows Clerk's: clones share it.
    issuer: Arc<OnceLock<Box<str>>>,
}

impl ProtectedResource {
    /// Describes the resource at this URL, which has to be the one that clients call.
    ///
    /// # Errors
    ///
    /// Fails for a relative URL, for `http` on another host than a loopback one, and for a URL with
    /// a user name, a query, a fragment, or with segments that clients would rewrite.
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

    /// Adds an authorization server that issues tokens for the resource: the issuer of the Clerk
    /// instance, which is its Frontend API (`https://clerk.example.com`).
    ///
    /// By default it is the issuer that the authenticator knows, from its publishable key or
    /// [`issuer`](crate::AuthenticatorBuilder::issuer).
    ///
    /// # Errors
    ///
    /// Fails for what [`new`](Self::new) fails for.
    pub fn authorization_server(mut self, issuer: impl AsRef<str>) -> Result<Self, BuildError> {
        let issuer = issuer.as_ref().trim();
        BaseUrl::parse(issuer).map_err(|error| BuildError::new("authorization_server", error))?;
        self.document.authorization_servers.push(issuer.into());
        Ok(self)
    }

    /// Names the scopes that clients may ask for (`scopes_supported`).
    ///
    /// # Errors
    ///
    /// Fails for an empty list, for a scope that cannot be one (RFC 6749 §3.3), and for
    /// `offline_access`, which is between a client and the authorization server.
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

    /// Names the resource for people (`resource_name`).
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.document.resource_name = Some(name.into().into());
        self
    }

    /// Says where people read about the resource (`resource_documentation`).
    ///
    /// # Errors
    ///
    /// Fails for what is no `https` URL (`http` on loopback hosts).
    pub fn documentation(mut self, url: impl AsRef<str>) -> Result<Self, BuildError> {
        let mistake = |error: &dyn std::fmt::Display| BuildError::new("documentation", error);
        let url = Url::parse(url.as_ref().trim()).map_err(|error| mistake(&error))?;
        if url.scheme() != "https" && !crate::transport::is_loopback(&url) {
            return Err(mistake(&"it must use https"));
        }
        self.document.resource_documentation = Some(url.as_str().into());
        Ok(self)
    }

    /// Returns the URL of the resource, as the metadata and a token's audience have it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the path of the metadata: `/.well-known/oauth-protected-resource` and the path of the
    /// resource (RFC 9728 §3.1).
    #[must_use]
    pub fn metadata_path(&self) -> String {
        let path = self.path.strip_suffix('/').unwrap_or(&self.path);
        format!("{WELL_KNOWN}{path}")
    }

    /// Returns the URL of the metadata, as challenges name it.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin, self.metadata_path())
    }

    /// Protects the resource: accepts OAuth tokens that name it as their audience, and tells other
    /// clients where to sign in.
    ///
    /// What can be set of a [`ClerkMachineAuth`] layer can be set of this one.
    /// [`accept`](ClerkMachineAuth::accept) may let in API keys and M2M tokens as well, which have no
    /// audience: for callers without a user, outside of what MCP clients do.
    /// [`require_scopes`](ClerkMachineAuth::require_scopes) puts its scopes into the 401 too, so that a
    /// client signs in once; one further inside ([`RequireScopes`](crate::RequireScopes)) cannot, and
    /// clients then ask for the [`scopes`](Self::scopes) of the metadata.
    ///
    /// The paths of the metadata are let through without a token, so that it does not matter
    /// which of the two layers is outside.
    pub fn layer(&self, clerk: Authenticator) -> ClerkMachineAuth {
        self.learn_issuer(clerk.issuer());
        let paths = self.paths(true);
        ClerkMachineAuth::of_resource(clerk, &self.url, &self.metadata_url(), paths)
    }

    /// Returns the service that answers with the metadata, also as a layer.
    pub fn metadata_service(&self) -> ProtectedResourceMetadata {
        ProtectedResourceMetadata::new(self.clone())
    }

    /// Returns the `WWW-Authenticate` field for a rejection of this resource, for those who verify
    /// tokens without the layer; `None` where another try with another token is no use.
    ///
    /// # Security
    ///
    /// Without the layer, tell the authenticator the audience with
    /// [`AuthenticatorBuilder::resource`](crate::AuthenticatorBuilder::resource).
    #[must_use]
    pub fn challenge(&self, error: &AuthError) -> Option<HeaderValue> {
        let protection = Protection {
            resource_metadata: Some(self.metadata_url().into()),
            ..Protection::default()
        };
        challenge(error, &protection)
    }

    /// Takes Clerk's issuer for the authorization server, if none was named.
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

    /// Returns the paths of the metadata, each with and without the slash at its end.
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
