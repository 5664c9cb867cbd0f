//! The command line of the emulator.

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
An emulator of Clerk's machine API, with a console in the browser.

Usage: clerk-emulator [OPTIONS]

Options:
  --listen HOST:PORT   Listen there; port 0 takes a free one [default: 127.0.0.1:4010]
  --seed FILE          Seed machines, scopes, tokens and keys from a JSON file, in place of
                       `my-service` and `my-caller`
  --public-url URL     The address under which services reach it, which is the issuer of its
                       JWTs, too [default: the one that it listens on]
  --open-to-network    Let other machines use the console and its API, too (not the log).
                       Whoever reaches the port can then mint tokens and read secrets
  --help               Print this
  --version            Print the version

It prints NAME=value lines and serves until it is stopped. All of its output can be sourced:

  clerk-emulator > .env & ... set -a; . ./.env; set +a

In a container:

  clerk-emulator --listen 0.0.0.0:4010 --open-to-network --public-url http://clerk-emulator:4010

The console is at /, the document of its API at /__emulator/openapi.json.
";

/// The command of a command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Serve(Settings),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) listen: String,
    pub(crate) seed: Option<PathBuf>,
    pub(crate) public_url: Option<String>,
    pub(crate) open_to_network: bool,
}

/// Parses the arguments after the program's name. `--name=value` equals `--name value`.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut settings = Settings {
        listen: "127.0.0.1:4010".to_owned(),
        seed: None,
        public_url: None,
        open_to_network: false,
    };
    let mut arguments = arguments.flat_map(|argument| match argument.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
        _ => vec![argument],
    });
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--version" | "-V" => return Ok(Command::Version),
            "--listen" => settings.listen = value()?,
            "--seed" => settings.seed = Some(value()?.into()),
            "--public-url" => settings.public_url = Some(value()?),
            "--open-to-network" => settings.open_to_network = true,
            _ => return Err(format!("there is no argument `{name}`; see --help")),
        }
    }
    Ok(Command::Serve(settings))
}

/// Resolves the address to listen on. Prefers IPv4 if the name has several addresses.
pub(crate) async fn address(listen: &str, open_to_network: bool) -> Result<SocketAddr, String> {
    let wrong = || format!("--listen: `{listen}` is not of the form localhost:4010");
    let found = tokio::net::lookup_host(listen).await.map_err(|_| wrong())?;
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    let address = found.first().copied().ok_or_else(wrong)?;
    if address.ip().is_loopback() || open_to_network {
        return Ok(address);
    }
    Err(format!(
        "--listen: other machines reach {address}; add --open-to-network if they are to"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_follow_or_are_joined() {
        for line in [
            "--listen localhost:1 --seed a.json",
            "--seed=a.json --listen=localhost:1",
        ] {
            let Ok(Command::Serve(settings)) = parsed(line) else {
                unreachable!("{line}");
            };
            assert_eq!(settings.listen, "localhost:1");
            assert_eq!(settings.seed, Some("a.json".into()));
            assert!(!settings.open_to_network);
        }
        assert_eq!(parsed("--seed x --help"), Ok(Command::Help));
    }

    #[test]
    fn mistakes_name_the_argument() {
        assert!(parsed("--listn x").unwrap_err().contains("`--listn`"));
        assert!(parsed("--listen").unwrap_err().contains("--listen needs"));
    }

    #[tokio::test]
    async fn other_machines_are_let_in_only_where_it_is_said() {
        assert!(
            address("localhost:0", false)
                .await
                .unwrap()
                .ip()
                .is_loopback()
        );
        let refused = address("0.0.0.0:4010", false).await.unwrap_err();
        assert!(refused.contains("--open-to-network"), "{refused}");
        assert!(address("0.0.0.0:4010", true).await.is_ok());
        assert!(
            address("4010", false)
                .await
                .unwrap_err()
                .contains("localhost:4010")
        );
    }
}
