//! The commands and their arguments.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Manages the machines of a Clerk instance.
#[derive(Debug, Parser)]
#[command(name = "machines")]
pub(crate) struct Cli {
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List machines
    List {
        /// Only machines with this id, or with this text in their name
        #[arg(long)]
        query: Option<String>,
    },
    /// Create a machine and print its secret
    Create {
        name: String,
        /// A machine that it may reach; can be repeated
        #[arg(long, value_name = "MACHINE")]
        scoped_to: Vec<String>,
        /// The lifetime of its tokens
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
    },
    /// Show a machine and whom it may reach
    Show { machine: String },
    /// Let a machine reach another, or no longer
    #[command(subcommand)]
    Scope(Scope),
    /// Show or rotate a machine's secret
    #[command(subcommand)]
    Secret(Secret),
    /// The M2M tokens of a machine
    #[command(subcommand)]
    Tokens(Tokens),
    /// The API keys of a user or an organization
    #[command(subcommand)]
    Keys(Keys),
    /// Draw who may call whom
    Graph {
        #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
        format: GraphFormat,
        /// The same as `--format svg`: a picture, as in the console of the emulator
        #[arg(long, conflicts_with = "format")]
        svg: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Scope {
    /// Let FROM reach TO
    Add(Pair),
    /// No longer let FROM reach TO
    Remove(Pair),
}

#[derive(Debug, Args)]
pub(crate) struct Pair {
    pub(crate) from: String,
    pub(crate) to: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Print the secret
    Show { machine: String },
    /// Replace the secret and print the new one
    Rotate {
        machine: String,
        /// How long the previous secret stays valid
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        previous_token_ttl: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// List the opaque tokens of a machine
    List {
        machine: String,
        /// Revoked and expired ones too
        #[arg(long)]
        all: bool,
    },
    /// Create a token of a machine and print it
    Create {
        machine: String,
        /// A signed token instead of an opaque one
        #[arg(long)]
        jwt: bool,
        /// The lifetime, in place of the machine's default
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
    },
    /// Revoke an opaque token
    Revoke {
        id: String,
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// List the keys of a subject (`user_…` or `org_…`)
    List {
        subject: String,
        /// Revoked and expired ones too
        #[arg(long)]
        all: bool,
    },
    /// Create a key for a subject and print it
    Create {
        subject: String,
        name: String,
        /// Something that the key may do; can be repeated
        #[arg(long)]
        scope: Vec<String>,
        /// The lifetime
        #[arg(long, value_name = "SECONDS")]
        ttl: Option<u64>,
    },
    /// Revoke a key
    Revoke {
        id: String,
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Mermaid,
    Dot,
    Svg,
}
