//! What an operator sees: counters, metrics, decisions, the audit log, and the self-check.

mod scenario;
mod stats;
