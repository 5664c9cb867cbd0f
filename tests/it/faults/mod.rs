//! What goes wrong between this service and Clerk, and what its callers see of it: rules 7 to 13.

mod client;
mod credentials;
mod flights;
mod gate;
mod health;
mod http2;
mod key_changes;
mod keys;
mod leaders;
mod life;
mod model;
mod outage;
mod poison;
mod receivers;
mod registry;
mod runtimes;
mod storms;
mod table;
mod waits;
mod world;
