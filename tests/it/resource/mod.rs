//! Rules P1 to P8: protected resources, the scopes of tools, and sessions.

mod audience;
mod challenges;
mod metadata;
mod sessions;
mod tools;
mod world;
