//! The scopes of a token, and the scopes that a route requires.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The set of scopes of a token.
///
/// Scopes are compared exactly, without prefixes, wildcards or case folding (RFC 6749 §3.3).
///
/// # Examples
///
/// ```
/// use clerk_machine_auth::Scopes;
///
/// let scopes = Scopes::parse("reports:read  reports:write");
/// assert!(scopes.contains("reports:read"));
/// assert!(!scopes.contains("reports"));
/// assert_eq!(scopes.iter().count(), 2);
/// assert!(Scopes::parse("").is_empty());
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Scopes {
    /// All scopes, one behind the other: two allocations, however many there are.
    text: Box<str>,
    /// Where each of them ends.
    ends: Box<[usize]>,
}

impl Scopes {
    /// Parses a space-delimited list; the only separator is the space (0x20).
    #[must_use]
    pub fn parse(list: &str) -> Self {
        list.split(' ').collect()
    }

    /// Returns `true` if the set contains exactly this scope.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Returns the scopes in the order in which the token lists them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let scope = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            scope
        })
    }

    /// Returns the heap memory of the value in bytes.
    pub(crate) fn heap_size(&self) -> usize {
        self.text.len().saturating_add(size_of_val(&*self.ends))
    }

    /// Returns `true` if the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Scopes {
    /// Collects scopes. Empty ones are dropped, because they would match an empty requirement.
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for scope in scopes {
            if !scope.as_ref().is_empty() {
                text.push_str(scope.as_ref());
                ends.push(text.len());
            }
        }
        Self {
            text: text.into(),
            ends: ends.into(),
        }
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The required scopes of a route: all of a list, or any one of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ScopePolicy {
    mode: Mode,
    scopes: Arc<[Box<str>]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    Any,
}

/// Error of a list of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeListError {
    /// The list is empty: it would admit every token, or grant nothing.
    #[error("the list of scopes is empty; leave it out instead")]
    Empty,
    /// RFC 6749 §3.3 allows visible ASCII without `"` and `\`.
    #[error("a scope is empty or holds a space, a quote, a backslash or non-ASCII")]
    Characters,
}

impl ScopePolicy {
    pub(crate) fn all<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        Self::new(Mode::All, scopes)
    }

    pub(crate) fn any<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        Self::new(Mode::Any, scopes)
    }

    fn new<S: AsRef<str>>(
        mode: Mode,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ScopeListError> {
        let scopes: Arc<[Box<str>]> = scopes.into_iter().map(|s| Box::from(s.as_ref())).collect();
        check_list(&scopes)?;
        Ok(Self { mode, scopes })
    }

    /// Evaluates the policy with a test for one scope.
    pub(crate) fn allows(&self, has_scope: impl Fn(&str) -> bool) -> bool {
        match self.mode {
            Mode::All => self.scopes.iter().all(|scope| has_scope(scope)),
            Mode::Any => self.scopes.iter().any(|scope| has_scope(scope)),
        }
    }
}

impl fmt::Display for ScopePolicy {
    /// Writes the list like the `scope` attribute of a challenge (RFC 6750 §3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scopes.join(" "))
    }
}

impl fmt::Debug for ScopePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of [{self}]", self.mode)
    }
}

/// The scopes that a scope implies. Nothing is implied that is not listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Implications(Vec<Implication>);

/// A scope, and the scopes that it implies.
type Implication = (Box<str>, Box<[Box<str>]>);

impl Implications {
    pub(crate) fn add<S: AsRef<str>>(&mut self, broad: &str, narrow: impl IntoIterator<Item = S>) {
        let narrow = narrow.into_iter().map(|scope| Box::from(scope.as_ref()));
        self.0.push((broad.into(), narrow.collect()));
    }

    /// Returns `true` if the scope, or one that implies it, passes the test.
    pub(crate) fn hold(&self, has_scope: impl Fn(&str) -> bool, scope: &str) -> bool {
        has_scope(scope)
            || self.0.iter().any(|(broad, narrow)| {
                narrow.iter().any(|narrow| **narrow == *scope) && has_scope(broad)
            })
    }
}

/// Returns an error for a list that is empty or contains an invalid scope.
pub(crate) fn check_list<S: AsRef<str>>(scopes: &[S]) -> Result<(), ScopeListError> {
    if scopes.is_empty() {
        return Err(ScopeListError::Empty);
    }
    if !scopes.iter().all(|scope| is_scope_token(scope.as_ref())) {
        return Err(ScopeListError::Characters);
    }
    Ok(())
}

/// Returns `true` for a valid scope (RFC 6749 §3.3): `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn is_scope_token(scope: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    !scope.is_empty() && scope.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_14_scopes_are_compared_exactly() {
        let scopes = Scopes::parse("a ab  A\tc a");
        for (scope, expected) in [
            ("a", true),
            ("ab", true),
            ("A\tc", true),
            ("A", false),
            ("b", false),
            ("", false),
            ("a ab", false),
        ] {
            assert_eq!(scopes.contains(scope), expected, "{scope:?}");
        }
        assert!(Scopes::from_iter([""]).is_empty() && !scopes.is_empty());
    }

    #[test]
    fn rule_14_all_and_any_by_truth_table() {
        let names = ["a", "b", "c", "d"];
        for size in 1..=names.len() {
            for held in 0..1_u32 << size {
                let has = |scope: &str| {
                    names
                        .iter()
                        .position(|n| *n == scope)
                        .is_some_and(|i| held >> i & 1 == 1)
                };
                let all = ScopePolicy::all(&names[..size]).unwrap();
                let any = ScopePolicy::any(&names[..size]).unwrap();
                assert_eq!(all.allows(has), held == (1 << size) - 1);
                assert_eq!(any.allows(has), held != 0);
            }
        }
    }

    #[test]
    fn rule_14_an_empty_list_is_a_build_error() {
        let none: [&str; 0] = [];
        assert_eq!(ScopePolicy::all(none), Err(ScopeListError::Empty));
        for bad in ["", "a b", "a\"", "a\\", "\u{e9}", "a\n"] {
            assert_eq!(
                ScopePolicy::any([bad]),
                Err(ScopeListError::Characters),
                "{bad:?}"
            );
        }
    }
}
