//! What an operator sees: counters, metrics, decisions, the audit log, and the self-check.

mod decisions;
mod scenario;
mod stats;
