//! What an attacker would try, and what must come of it.

mod classes;
mod elsewhere;
mod forgery;
mod leaks;
mod model;
mod tenants;
