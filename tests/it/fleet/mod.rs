//! Rules 20 to 24: replicas that share answers, invalidations, revocations and a budget.

mod budget;
mod redis;
mod rotation;
#[path = "../../fleet/server.rs"]
mod server;
mod sharing;
mod spread;
mod stores;
mod world;
