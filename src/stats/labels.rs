//! The closed sets of words that counters are told apart by.

use crate::error::AuthErrorKind;
use crate::token::TokenType;

/// Writes an enum whose variants are words, all of them in a list.
macro_rules! labels {
    ($(#[$about:meta])* $visibility:vis enum $name:ident {
        $($(#[$word_about:meta])* $variant:ident => $word:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $($(#[$word_about])* $variant,)*
        }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];
            pub(crate) const COUNT: usize = Self::ALL.len();

            /// Returns the word for logs and metrics.
            #[must_use]
            #[allow(dead_code)]
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

labels! {
    /// What became of a request.
    #[non_exhaustive]
    pub enum Outcome {
        /// Its token was accepted, and nothing inside rejected it.
        Allowed => "allowed",
        /// It carries no token, and one is required (401).
        Missing => "missing",
        /// It does not carry exactly one well-formed token (400).
        Malformed => "malformed",
        /// Its token is not accepted here (401).
        Invalid => "invalid",
        /// Its token lacks a scope (403).
        Forbidden => "forbidden",
        /// Its token cannot be verified at the moment (503).
        Unavailable => "unavailable",
        /// The service is not set up to verify it (500).
        Internal => "internal",
        /// It was let in without a token: under `optional`, or as a preflight or a read of metadata.
        Anonymous => "anonymous",
    }
}

labels! {
    /// The type of a token, as far as it is known.
    pub(crate) enum TokenLabel {
        M2m => "m2m",
        ApiKey => "api_key",
        OAuth => "oauth",
        None => "none",
    }
}

labels! {
    /// Where the verdict on a token came from.
    pub(crate) enum Source {
        /// The token was not looked up: there is none, or it can never be accepted.
        None => "none",
        Hit => "hit",
        /// Also a hit; counted apart, to tell whether JWTs are accepted at all.
        JwtHit => "hit",
        Stale => "stale",
        Negative => "negative",
        Miss => "miss",
        Joined => "joined",
    }
}

labels! {
    /// What Clerk is asked for.
    pub(crate) enum CallOperation {
        VerifyM2m => "verify_m2m",
        VerifyApiKey => "verify_api_key",
        VerifyOAuth => "verify_oauth",
        Registry => "registry",
        Jwks => "jwks",
    }
}

labels! {
    /// What came of one attempt to ask Clerk.
    pub(crate) enum CallResult {
        Ok => "ok",
        BadToken => "bad_token",
        Unauthorized => "unauthorized",
        RateLimited => "rate_limited",
        ServerError => "server_error",
        /// No answer: the deadline passed, or the connection was refused or broke.
        Timeout => "timeout",
        Unreadable => "unreadable",
    }
}

labels! {
    /// Why Clerk was not asked.
    pub(crate) enum HeldBack {
        Budget => "budget",
        Breaker => "breaker",
        InFlight => "in_flight",
    }
}

impl From<AuthErrorKind> for Outcome {
    fn from(kind: AuthErrorKind) -> Self {
        match kind {
            AuthErrorKind::MissingToken => Self::Missing,
            AuthErrorKind::InvalidRequest => Self::Malformed,
            AuthErrorKind::InvalidToken => Self::Invalid,
            AuthErrorKind::InsufficientScope => Self::Forbidden,
            AuthErrorKind::Unavailable => Self::Unavailable,
            AuthErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<Option<TokenType>> for TokenLabel {
    fn from(token_type: Option<TokenType>) -> Self {
        match token_type {
            Some(TokenType::M2m) => Self::M2m,
            Some(TokenType::ApiKey) => Self::ApiKey,
            Some(TokenType::OAuth) => Self::OAuth,
            None => Self::None,
        }
    }
}

impl From<TokenType> for CallOperation {
    fn from(token_type: TokenType) -> Self {
        match token_type {
            TokenType::M2m => Self::VerifyM2m,
            TokenType::ApiKey => Self::VerifyApiKey,
            TokenType::OAuth => Self::VerifyOAuth,
        }
    }
}

impl Source {
    /// Returns `true` if nobody had to be asked.
    pub(crate) const fn is_cached(self) -> bool {
        matches!(
            self,
            Self::Hit | Self::JwtHit | Self::Negative | Self::Stale
        )
    }
}
