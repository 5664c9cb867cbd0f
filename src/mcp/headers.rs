//! The header fields that name the method and tool of an MCP request (protocol revision
//! 2026-07-28).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};

use crate::error::Reason;

/// The first revision whose requests name their method and tool in header fields, which servers
/// must compare with the body.
const FIRST: &str = "2026-07-28";

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Unknown: in older revisions, only the body says so.
    InBody,
    /// A call of this tool.
    Tool(Box<str>),
    /// Something else.
    Other,
}

impl Asked {
    /// Determines what a request asks for. Duplicate or malformed fields are an error, because the
    /// server might read them differently.
    pub(super) fn of(headers: &HeaderMap, is_post: bool) -> Result<Self, Reason> {
        let version = one(headers, "mcp-protocol-version")?;
        if !version.is_some_and(|version| is_revision(&version) && *version >= *FIRST) {
            return Ok(Self::InBody);
        }
        let (method, name) = (one(headers, "mcp-method")?, one(headers, "mcp-name")?);
        match (method.as_deref(), name) {
            (Some("tools/call"), Some(name)) => Ok(Self::Tool(name)),
            (Some("tools/call"), None) => Err(Reason::Malformed),
            (Some(_), _) => Ok(Self::Other),
            (None, _) if is_post => Err(Reason::Malformed),
            (None, _) => Ok(Self::Other),
        }
    }
}

/// Reads a field that may appear once.
fn one(headers: &HeaderMap, name: &str) -> Result<Option<Box<str>>, Reason> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decoded(value).map(Some).ok_or(Reason::Malformed),
        (Some(_), Some(_)) => Err(Reason::Malformed),
    }
}

/// Decodes a value, which is base64 if it contains characters that are not allowed in a field.
fn decoded(value: &HeaderValue) -> Option<Box<str>> {
    let text = value.to_str().ok()?.trim();
    let coded = text
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match coded {
        Some(coded) => String::from_utf8(STANDARD.decode(coded).ok()?)
            .ok()
            .map(Into::into),
        None => Some(text.into()),
    }
}

/// Returns `true` for the form `2026-07-28`, in which strings sort like their dates.
fn is_revision(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == FIRST.len() && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &str)]) -> Result<Asked, Reason> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Asked::of(&headers, true)
    }

    const NEW: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
    const CALL: (&str, &str) = ("mcp-method", "tools/call");

    #[test]
    fn p6_the_fields_count_from_their_revision_on() {
        let tool = |name: &str| Ok(Asked::Tool(name.into()));
        let named = ("mcp-name", "delete_report");
        assert_eq!(of(&[NEW, CALL, named]), tool("delete_report"));
        let later = ("mcp-protocol-version", "2027-01-01");
        assert_eq!(of(&[later, CALL, named]), tool("delete_report"));
        for old in ["2025-11-25", "2026-07-27", "draft", "2026-7-28", "9999", ""] {
            let old = ("mcp-protocol-version", old);
            assert_eq!(of(&[old, CALL, named]), Ok(Asked::InBody), "{old:?}");
        }
        assert_eq!(of(&[CALL, named]), Ok(Asked::InBody));
        assert_eq!(of(&[NEW, ("mcp-method", "tools/list")]), Ok(Asked::Other));
        assert_eq!(of(&[NEW, ("mcp-method", "Tools/Call")]), Ok(Asked::Other));
    }

    #[test]
    fn p6_a_name_in_base64_is_that_name() {
        let name = |value| of(&[NEW, CALL, ("mcp-name", value)]);
        let tool = |name: &str| Ok(Asked::Tool(name.into()));
        assert_eq!(
            name("=?base64?ZGVsZXRlX3JlcG9ydA==?="),
            tool("delete_report")
        );
        assert_eq!(name("=?base64?w6k=?="), tool("\u{e9}"));
        assert_eq!(name("=?base64?*?="), Err(Reason::Malformed));
        assert_eq!(name("=?base64?/w==?="), Err(Reason::Malformed));
        let method = ("mcp-method", "=?base64?dG9vbHMvY2FsbA==?=");
        assert_eq!(of(&[NEW, method, ("mcp-name", "a")]), tool("a"));
    }

    #[test]
    fn p6_what_is_there_twice_or_missing_is_malformed() {
        let name = ("mcp-name", "a");
        for fields in [
            vec![NEW, NEW, CALL, name],
            vec![NEW, CALL, CALL, name],
            vec![NEW, CALL, name, ("mcp-name", "b")],
            vec![NEW, CALL],
            vec![NEW, name],
            vec![NEW],
        ] {
            assert_eq!(of(&fields), Err(Reason::Malformed), "{fields:?}");
        }
        // A stream is opened without a method.
        let mut headers = HeaderMap::new();
        headers.insert(NEW.0, HeaderValue::from_static(NEW.1));
        assert_eq!(Asked::of(&headers, false), Ok(Asked::Other));
    }
}
