//! Where Redis is: reads the URL, and refuses what would not be safe.

use std::net::IpAddr;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};

use crate::config::BuildError;
use crate::setting::FLEET;

const UNREADABLE: &str = "the URL cannot be read; it looks like `rediss://user:password@host:6379/0` \
    (TLS), `redis://127.0.0.1:6379` or `redis+unix:///run/redis.sock`";
const PLAIN: &str = "`redis://` sends the password of Redis in plain text, so it is taken for \
    loopback addresses only; use `rediss://`, a unix socket, or `Fleet::redis_without_tls` on a \
    network that nobody else is in";
const INSECURE: &str = "`#insecure` turns the check of the certificate off; leave it out, and put \
    the root of your own authority where the system finds it (`SSL_CERT_FILE`)";

/// Unanswered data is given up after this, beside our own watch over the connection.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a URL. Nothing of it is in the error: it may hold a password.
pub(super) fn parse(url: &str, plain: bool) -> Result<ConnectionInfo, BuildError> {
    let wrong = |problem| BuildError::new(FLEET, problem);
    let info = url.trim().into_connection_info();
    let info = info.map_err(|_| wrong(UNREADABLE))?;
    match info.addr() {
        ConnectionAddr::Tcp(host, _) if !plain && !is_loopback(host) => Err(wrong(PLAIN)),
        ConnectionAddr::TcpTls { insecure: true, .. } => Err(wrong(INSECURE)),
        _ => {
            // One command less that a user of Redis has to be allowed.
            let redis = info.redis_settings().clone().set_skip_set_lib_name();
            Ok(info.set_redis_settings(redis).set_tcp_settings(settings()))
        }
    }
}

fn settings() -> TcpSettings {
    // Off in redis 1.x: it would hold small requests back until earlier ones are answered.
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(USER_TIMEOUT);
    settings
}

fn is_loopback(host: &str) -> bool {
    let is_address = |ip: IpAddr| ip.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        let error = parse(url, false).unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        error
    }

    #[test]
    fn rule_19_a_url_that_would_send_the_password_in_plain_text_is_refused() {
        for url in [
            "redis://127.0.0.1:6379",
            "redis://localhost",
            "redis://[::1]:7000/2",
            "redis+unix:///run/redis.sock?user=clerk&pass=s3cret",
            "rediss://clerk:s3cret@redis.example:6380/0",
        ] {
            assert!(parse(url, false).is_ok(), "{url}");
        }
        assert!(problem("redis://:s3cret@10.0.0.7").contains("rediss://"));
        assert!(parse("redis://:s3cret@10.0.0.7", true).is_ok());
        assert!(problem("rediss://:s3cret@redis.example/#insecure").contains("#insecure"));
        assert!(problem("http://s3cret").contains("redis://127.0.0.1"));
        assert!(problem("redis://:s3cret@localhost/x").contains("redis://127.0.0.1"));
    }

    #[test]
    fn small_requests_are_sent_at_once() {
        let info = parse("redis://127.0.0.1:6379", false).unwrap();
        assert!(info.tcp_settings().nodelay());
    }
}
