//! The protection space of a layer, as it appears in the challenges of its rejections.

use std::fmt::Write as _;

use crate::scope::Implications;

/// The protection space of a layer.
///
/// It is stored in the request's extensions, so that scope checks further inside respond with the same
/// challenge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protection {
    /// Escaped, as it appears between quotes.
    pub(crate) realm: Option<Box<str>>,
    /// The URL of the metadata of a protected resource (RFC 9728 §5.1).
    pub(crate) resource_metadata: Option<Box<str>>,
    pub(crate) implications: Implications,
}

impl Protection {
    /// Sets the realm. Characters that a quoted string must not contain (RFC 9110 §5.6.4) are escaped
    /// or replaced.
    pub(crate) fn set_realm(&mut self, realm: &str) {
        let mut quoted = String::with_capacity(realm.len());
        for character in realm.chars() {
            match character {
                '"' | '\\' => quoted.extend(['\\', character]),
                ' '..='~' => quoted.push(character),
                _ => quoted.push('?'),
            }
        }
        self.realm = Some(quoted.into());
    }

    /// Writes the first parameters of a challenge. RFC 6750 §3 requires at least one.
    pub(crate) fn write_parameters(&self, challenge: &mut String) {
        // Writing to a string never fails.
        if let Some(url) = &self.resource_metadata {
            let _ = write!(challenge, r#"resource_metadata="{url}""#);
        }
        match (&self.realm, &self.resource_metadata) {
            (Some(realm), Some(_)) => drop(write!(challenge, r#", realm="{realm}""#)),
            (Some(realm), None) => drop(write!(challenge, r#"realm="{realm}""#)),
            (None, None) => challenge.push_str(r#"realm="api""#),
            (None, Some(_)) => {}
        }
    }
}
