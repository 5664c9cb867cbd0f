//! Seeding without HTTP: machines, tokens and keys in one line each.

mod api_keys;
mod authorization;
mod issued;
mod jwt;
mod m2m_tokens;
mod machines;
mod oauth_tokens;

pub use api_keys::ApiKeyBuilder;
pub use authorization::{EmulatedOAuthClient, OAuthClientBuilder, OAuthSession};
pub use issued::IssuedToken;
pub use jwt::JwtBuilder;
pub use m2m_tokens::M2mTokenBuilder;
pub use machines::{EmulatedMachine, MachineBuilder};
pub use oauth_tokens::OAuthTokenBuilder;
