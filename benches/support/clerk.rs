//! Authenticators as services set them up.

use std::time::Duration;

use clerk_machine_auth::{Authenticator, AuthenticatorBuilder};

use super::backend::Backend;
use super::tokens::{Issuer, ME, SENDER};

/// Knows one key and one sender, and asks nobody.
pub(crate) fn local(issuer: &Issuer) -> Authenticator {
    build(settings_of_local(issuer))
}

/// The settings of [`local`].
pub(crate) fn settings_of_local(issuer: &Issuer) -> AuthenticatorBuilder {
    Authenticator::builder()
        .jwt_key(issuer.pem())
        .machine_id(ME)
        .allow_senders([SENDER])
}

/// Asks the Backend API about opaque tokens and about the senders of JWTs, as often as it likes.
pub(crate) fn asking(issuer: &Issuer, backend: Backend) -> Authenticator {
    build(unhurried(issuer, backend))
}

/// The settings of [`asking`].
pub(crate) fn unhurried(issuer: &Issuer, backend: Backend) -> AuthenticatorBuilder {
    Authenticator::builder()
        .jwt_key(issuer.pem())
        .machine_id(ME)
        .secret_key("sk_test_benchmark")
        .machine_secret_key("ak_benchmark")
        .api_url(backend.url())
        .calls_per_second(10_000_000)
        .unknown_calls_per_second(5_000_000)
        .call_burst(10_000_000)
        .timeout(Duration::from_secs(60))
        .fresh_for(Duration::from_secs(36_000))
}

pub(crate) fn build(builder: AuthenticatorBuilder) -> Authenticator {
    builder.build().expect("the settings are sound")
}
