//! Extractors for axum handlers, which read the identity that the layer inserted.

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;

use crate::error::{AuthError, Protection, Reason};
use crate::identity::{Anonymous, ApiKey, M2mToken, MachineAuth, OAuthToken};
use crate::middleware::{ProblemJson, misplaced, reject};

/// Creates the same response as the layer does by default.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        reject::<Body>(&ProblemJson, &HeaderMap::new(), self)
    }
}

/// Returns the identity of a request, or `None` if it was admitted without a token.
fn identity(parts: &Parts) -> Result<Option<&MachineAuth>, AuthError> {
    match parts.extensions.get::<MachineAuth>() {
        Some(auth) => Ok(Some(auth)),
        None if parts.extensions.get::<Anonymous>().is_some() => Ok(None),
        None => Err(misplaced(&parts.method, &parts.uri, Reason::NoLayer)),
    }
}

/// Returns the identity if it has the given type, and an error otherwise.
fn typed<'a, T>(
    parts: &'a Parts,
    pick: impl FnOnce(&'a MachineAuth) -> Option<&'a T>,
) -> Result<Option<T>, AuthError>
where
    T: Clone + 'a,
{
    match identity(parts)? {
        Some(auth) => pick(auth)
            .cloned()
            .map(Some)
            .ok_or_else(|| error(parts, Reason::TypeNotAccepted)),
        None => Ok(None),
    }
}

/// Creates a rejection with the challenge of the layer that the request has passed through.
fn error(parts: &Parts, reason: Reason) -> AuthError {
    let protection = parts.extensions.get::<Arc<Protection>>();
    AuthError::from(reason).under(protection, None)
}

/// Defines both extractors of one type.
macro_rules! extractor {
    ($type:ty, $pick:expr) => {
        impl<S: Sync> FromRequestParts<S> for $type {
            type Rejection = AuthError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthError> {
                typed(parts, $pick)?.ok_or_else(|| error(parts, Reason::NoToken))
            }
        }

        impl<S: Sync> OptionalFromRequestParts<S> for $type {
            type Rejection = AuthError;

            async fn from_request_parts(
                parts: &mut Parts,
                _: &S,
            ) -> Result<Option<Self>, AuthError> {
                typed(parts, $pick)
            }
        }
    };
}

extractor!(MachineAuth, Some);
extractor!(M2mToken, |auth| match auth {
    MachineAuth::M2m(token) => Some(token),
    _ => None,
});
extractor!(ApiKey, |auth| match auth {
    MachineAuth::ApiKey(key) => Some(key),
    _ => None,
});
extractor!(OAuthToken, |auth| match auth {
    MachineAuth::OAuth(token) => Some(token),
    _ => None,
});
