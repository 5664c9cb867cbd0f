//! The caller's half against the emulator: rules O1 to O9.

mod canary;
mod clients;
mod leaders;
mod receivers;
mod refusals;
mod renewal;
mod retry;
mod sharing;
mod world;
