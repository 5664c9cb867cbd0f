//! Verifies JWTs locally: only RS256, and the signature before the claims.

mod audience;
mod checked;
mod claims;
mod clients;
mod header;
mod policy;
mod unverified;
mod values;
#[cfg(test)]
mod vectors;
mod verifier;

pub(crate) use self::audience::{Audience, is_same_resource};
pub(crate) use self::checked::Checked;
pub(crate) use self::clients::Clients;
pub(crate) use self::policy::JwtPolicy;
#[cfg(fuzzing)]
pub(crate) use self::unverified::UnverifiedJwt;
pub(crate) use self::verifier::{Candidate, JwtVerdict, JwtVerifier};
