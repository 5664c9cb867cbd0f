//! Creates machines, tokens and keys without HTTP, in one line each.

mod api_keys;
pub(super) mod apply;
mod authorization;
pub(super) mod document;
mod file;
mod issued;
mod jwt;
mod m2m_tokens;
mod machines;
mod oauth_tokens;

pub use api_keys::ApiKeyBuilder;
pub use authorization::{EmulatedOAuthClient, OAuthClientBuilder, OAuthSession};
pub use file::{SeedError, SeededDocument};
pub use issued::IssuedToken;
pub use jwt::JwtBuilder;
pub use m2m_tokens::M2mTokenBuilder;
pub use machines::{EmulatedMachine, MachineBuilder};
pub use oauth_tokens::OAuthTokenBuilder;
