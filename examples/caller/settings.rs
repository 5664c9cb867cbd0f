//! What the environment asks for.

use std::str::FromStr;
use std::time::Duration;

use clerk_machine_auth::{M2mTokenSourceBuilder, TokenFormat};
use reqwest::Url;

use crate::Outcome;

/// How many calls, how many at once, and with which tokens.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) requests: usize,
    pub(crate) concurrency: usize,
    format: TokenFormat,
    pub(crate) lifetime: Option<Duration>,
}

impl Settings {
    pub(crate) fn from_env() -> Outcome<Self> {
        let format = match variable("TOKEN_FORMAT").as_deref() {
            None | Some("opaque") => TokenFormat::Opaque,
            Some("jwt") => TokenFormat::Jwt,
            Some(other) => {
                return Err(format!("TOKEN_FORMAT: `{other}` is not opaque or jwt").into());
            }
        };
        Ok(Self {
            requests: number("REQUESTS")?.unwrap_or(1_000),
            concurrency: number("CONCURRENCY")?.unwrap_or(16).max(1),
            format,
            lifetime: number("LIFETIME")?.map(Duration::from_secs),
        })
    }

    /// Adds the settings of the tokens to those of a source.
    pub(crate) fn apply(&self, builder: M2mTokenSourceBuilder) -> M2mTokenSourceBuilder {
        let builder = builder.format(self.format);
        match self.lifetime {
            Some(lifetime) => builder.lifetime(lifetime),
            None => builder,
        }
    }
}

/// Returns the URL to call, or `None` where there is no Clerk and so no receiver yet.
pub(crate) fn target() -> Outcome<Option<Url>> {
    let is_set = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        name.to_string_lossy().starts_with("CLERK_") && !value.is_empty()
    };
    if !std::env::vars_os().any(is_set) {
        return Ok(None);
    }
    let url = variable("TARGET").ok_or("TARGET: set it to the URL of the service to call")?;
    let url = Url::parse(&url).map_err(|error| format!("TARGET: `{url}`: {error}"))?;
    Ok(Some(url))
}

fn number<T: FromStr>(name: &str) -> Outcome<Option<T>> {
    let parse = |value: String| {
        let number = value.trim().parse();
        number.map_err(|_| format!("{name}: `{value}` is not a whole number").into())
    };
    variable(name).map(parse).transpose()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}
