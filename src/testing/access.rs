//! Access to the console: for local programs, and for pages that the console served itself.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};

/// The origin of a request, as far as the request reveals it.
#[derive(Debug)]
pub(super) struct Sender {
    peer: Option<IpAddr>,
    /// The host of the request target and of each `Host` line, in lower case, with the port.
    hosts: Vec<String>,
    origins: Vec<String>,
    fetch_site: Option<String>,
    navigates: bool,
}

impl Sender {
    pub(super) fn of(parts: &Parts, peer: Option<IpAddr>) -> Self {
        let target = parts.uri.authority().map(Authority::as_str);
        let hosts = target.map(str::to_ascii_lowercase);
        let fetch_mode = texts(&parts.headers, &HeaderName::from_static("sec-fetch-mode"));
        Self {
            peer,
            hosts: hosts
                .into_iter()
                .chain(texts(&parts.headers, &HOST))
                .collect(),
            origins: texts(&parts.headers, &ORIGIN),
            fetch_site: texts(&parts.headers, &HeaderName::from_static("sec-fetch-site")).pop(),
            navigates: fetch_mode == ["navigate"],
        }
    }

    /// Returns `true` if the peer is on this host.
    pub(super) fn is_loopback(&self) -> bool {
        self.peer
            .is_some_and(|peer| peer.to_canonical().is_loopback())
    }
}

/// The values of a header in lower case; a value that is not text becomes one that never matches.
fn texts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        .map(|value| value.to_str().unwrap_or("?").to_ascii_lowercase())
        .collect()
}

/// Why a request is not admitted to the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    /// It comes from another host.
    Peer,
    /// Its `Host` is not a name of the emulator, as with DNS rebinding.
    Host,
    /// It comes from a page of another origin.
    Origin,
}

/// Who may use the console besides this host.
#[derive(Debug, Clone, Default)]
pub(super) struct Access {
    /// Whether other hosts may.
    pub(super) open_to_network: bool,
    /// A name of the emulator besides those of the loopback interface.
    pub(super) name: Option<String>,
}

impl Access {
    /// Admits a request to the page (`page`) or to the API.
    pub(super) fn admit(&self, sender: &Sender, page: bool) -> Result<(), Foreign> {
        if !self.open_to_network && !sender.is_loopback() {
            return Err(Foreign::Peer);
        }
        let hosts = &sender.hosts;
        if hosts.is_empty() || !hosts.iter().all(|host| self.knows(host)) {
            return Err(Foreign::Host);
        }
        let own = |origin: &String| hosts.iter().all(|host| *origin == format!("http://{host}"));
        if !sender.origins.iter().all(own) {
            return Err(Foreign::Origin);
        }
        // Links to the page are allowed; all other cross-site requests are rejected.
        let site = sender.fetch_site.as_deref();
        let is_own = matches!(site, None | Some("same-origin" | "none"));
        if is_own || (page && sender.navigates) {
            Ok(())
        } else {
            Err(Foreign::Origin)
        }
    }

    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host();
        let address = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if host.contains('@') {
            return false;
        }
        match address {
            // Unlike a name, an address cannot be made to point elsewhere.
            Ok(address) => self.open_to_network || address.to_canonical().is_loopback(),
            Err(_) => {
                let local = name == "localhost" || name.ends_with(".localhost");
                local || self.name.as_deref() == Some(name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(peer: &str, host: &str, headers: &[(&str, &str)]) -> Sender {
        let mut request = http::Request::builder().uri("/").header("host", host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Sender::of(&parts, Some(peer.parse().unwrap()))
    }

    fn admitted(access: &Access, peer: &str, host: &str) -> Result<(), Foreign> {
        access.admit(&sender(peer, host, &[]), false)
    }

    #[test]
    fn only_names_that_cannot_point_elsewhere_are_known() {
        let closed = Access::default();
        for host in [
            "127.0.0.1:4010",
            "LOCALHOST",
            "[::1]:1",
            "a.localhost:9",
            "127.9.9.9",
        ] {
            assert_eq!(admitted(&closed, "127.0.0.1", host), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "evil@localhost",
            "localhost.",
            "",
            "[::2]",
            "clerk-emulator:4010",
        ] {
            let refused = Err(Foreign::Host);
            assert_eq!(admitted(&closed, "127.0.0.1", host), refused, "{host}");
        }
    }

    #[test]
    fn other_machines_come_in_only_where_it_is_open() {
        let closed = Access::default();
        assert_eq!(
            admitted(&closed, "10.0.0.2", "127.0.0.1"),
            Err(Foreign::Peer)
        );
        assert_eq!(admitted(&closed, "::ffff:127.0.0.1", "127.0.0.1"), Ok(()));
        let open = Access {
            open_to_network: true,
            name: Some("clerk-emulator".to_owned()),
        };
        assert_eq!(admitted(&open, "10.0.0.2", "10.0.0.1:4010"), Ok(()));
        assert_eq!(admitted(&open, "10.0.0.2", "clerk-emulator:4010"), Ok(()));
        assert_eq!(
            admitted(&open, "10.0.0.2", "evil.example"),
            Err(Foreign::Host)
        );
    }

    #[test]
    fn pages_of_other_origins_are_refused_and_links_to_the_page_are_not() {
        let access = Access::default();
        let admit = |page, headers: &[(&str, &str)]| {
            access.admit(&sender("127.0.0.1", "localhost:1", headers), page)
        };
        assert_eq!(admit(false, &[("origin", "http://localhost:1")]), Ok(()));
        for origin in [
            "http://localhost:2",
            "null",
            "https://localhost:1",
            "http://evil.example",
        ] {
            let refused = Err(Foreign::Origin);
            assert_eq!(admit(true, &[("origin", origin)]), refused, "{origin}");
        }
        let link = [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ];
        assert_eq!(admit(true, &link), Ok(()));
        assert_eq!(admit(false, &link), Err(Foreign::Origin));
        let image = [
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "no-cors"),
        ];
        assert_eq!(admit(true, &image), Err(Foreign::Origin));
    }

    #[test]
    fn a_second_host_cannot_hide_a_foreign_one() {
        let request = http::Request::builder()
            .uri("http://evil.example/")
            .header("host", "localhost");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let sender = Sender::of(&parts, Some([127, 0, 0, 1].into()));
        assert_eq!(Access::default().admit(&sender, true), Err(Foreign::Host));
    }
}
