//! The admin client over real HTTP against the emulator. Every request that crosses, and every
//! answer, is held against Clerk's OpenAPI document.

mod api_keys;
mod canary;
mod every_operation;
mod lists;
mod lost_rotation;
mod m2m_tokens;
mod machines;
mod refused_input;
mod settings;
mod world;
