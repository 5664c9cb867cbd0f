//! What handlers read from a `tonic::Request`, and the statuses that they return.

use ::tonic::metadata::MetadataMap;
use ::tonic::server::NamedService;
use ::tonic::{Code, Request, Status};
use http::{Extensions, Method, Uri};

use super::GrpcScopesService;
use crate::error::{AuthError, Reason};
use crate::identity::{Anonymous, MachineAuth};
use crate::middleware::{ClerkMachineAuthService, check_scopes, grpc_status, misplaced, pushback};
use crate::scope::ScopePolicy;

/// Extension trait that returns the identity of a `tonic::Request` behind a
/// [`ClerkMachineAuth`](crate::ClerkMachineAuth) layer.
pub trait RequestExt: sealed::Sealed {
    /// Returns the identity of the request.
    ///
    /// # Errors
    ///
    /// - `UNAUTHENTICATED` if the layer is [`optional`](crate::ClerkMachineAuth::optional) and no token
    ///   was sent.
    /// - `INTERNAL`, with the fix in the log, if the request has passed through no layer.
    fn machine_auth(&self) -> Result<&MachineAuth, Status>;

    /// Returns the identity of the request if it has all of these scopes. Use it if the required scopes
    /// depend on the message.
    ///
    /// # Errors
    ///
    /// - The errors of [`machine_auth`](Self::machine_auth).
    /// - `PERMISSION_DENIED` for a missing scope.
    /// - `INTERNAL` for a list that is empty or contains an invalid scope.
    fn require_scopes<S: AsRef<str>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<&MachineAuth, Status>;
}

impl<T> RequestExt for Request<T> {
    fn machine_auth(&self) -> Result<&MachineAuth, Status> {
        Ok(identity(self.extensions())?)
    }

    fn require_scopes<S: AsRef<str>>(
        &self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<&MachineAuth, Status> {
        let policy = ScopePolicy::all(scopes).ok();
        let extensions = self.extensions();
        check_scopes(&Method::POST, &Uri::default(), extensions, policy.as_ref())?;
        Ok(identity(extensions)?)
    }
}

fn identity(extensions: &Extensions) -> Result<&MachineAuth, AuthError> {
    match extensions.get::<MachineAuth>() {
        Some(auth) => Ok(auth),
        None if extensions.get::<Anonymous>().is_some() => Err(Reason::NoToken.into()),
        None => Err(misplaced(&Method::POST, &Uri::default(), Reason::NoLayer)),
    }
}

/// Converts to the status that [`GrpcStatus`](crate::middleware::GrpcStatus) responds with. Its
/// metadata contains the milliseconds after which a retry may succeed (`grpc-retry-pushback-ms`).
impl From<AuthError> for Status {
    fn from(error: AuthError) -> Self {
        let (code, message) = grpc_status(error.kind());
        let mut metadata = MetadataMap::new();
        if let Some(delay) = pushback(&error) {
            metadata.insert("grpc-retry-pushback-ms", delay.into());
        }
        Self::with_metadata(Code::from_bytes(code.as_bytes()), message, metadata)
    }
}

impl<S: NamedService, R> NamedService for ClerkMachineAuthService<S, R> {
    const NAME: &'static str = S::NAME;
}

impl<S: NamedService, R> NamedService for GrpcScopesService<S, R> {
    const NAME: &'static str = S::NAME;
}

mod sealed {
    pub trait Sealed {}

    impl<T> Sealed for ::tonic::Request<T> {}
}
