//! Rate limits per caller with tower_governor: one bucket for each subject that was verified.
//!
//! ```sh
//! cargo run --manifest-path examples/rate_limit/Cargo.toml
//! ```
//!
//! Without Clerk's settings in the environment it starts an emulator, and prints two keys as
//! `NAME=value` lines. The last line is `listening on http://…`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:3000` by default; port 0 takes a free one.
//!
//! Two mistakes that others made:
//!
//! 1. The key was made of the token, or of a claim that nobody had verified yet: whoever sends another
//!    made-up token with every request gets a fresh bucket each time, and whoever writes somebody
//!    else's name into one empties that one's.
//! 2. The limit stood outside of the authentication, where there is no identity: every request fell
//!    back to one bucket, or to none.
//!
//! So this limit stands inside of `ClerkMachineAuth` and is keyed by the subject in the extensions.
//! Outside stands a limit by address, for those who have no identity.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clerk_machine_auth::testing::ClerkEmulator;
use clerk_machine_auth::{Authenticator, AuthenticatorBuilder, ClerkMachineAuth, MachineAuth};
use http::{Request, StatusCode};
use tokio::net::TcpListener;
use tower_governor::GovernorLayer;
use tower_governor::errors::GovernorError;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::{KeyExtractor, PeerIpKeyExtractor};

/// Keys by whom the token speaks for.
#[derive(Debug, Clone, Copy)]
struct BySubject;

impl KeyExtractor for BySubject {
    type Key = String;

    fn extract<T>(&self, request: &Request<T>) -> Result<Self::Key, GovernorError> {
        let auth = request.extensions().get::<MachineAuth>();
        // Nobody can be here without an identity, unless the layers are in the wrong order.
        auth.map(|auth| auth.subject().to_owned())
            .ok_or_else(|| GovernorError::Other {
                code: StatusCode::INTERNAL_SERVER_ERROR,
                msg: Some("put the limit inside of ClerkMachineAuth".to_owned()),
                headers: None,
            })
    }
}

/// A burst of five per caller, then one in each period; ten times that per address.
fn app(clerk: Authenticator, period: Duration) -> Result<Router, &'static str> {
    let mut callers = GovernorConfigBuilder::default().key_extractor(BySubject);
    let callers = callers.period(period).burst_size(5).finish();
    let mut addresses = GovernorConfigBuilder::default().key_extractor(PeerIpKeyExtractor);
    let addresses = addresses.period(period / 10).burst_size(50).finish();
    let whoami = async |auth: MachineAuth| auth.subject().to_owned();
    Ok(Router::new()
        .route("/whoami", get(whoami))
        .layer(GovernorLayer::new(callers.ok_or("a limit of nothing")?))
        .layer(ClerkMachineAuth::new(clerk))
        .layer(GovernorLayer::new(addresses.ok_or("a limit of nothing")?)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let mut emulator = None;
    let clerk = if set("CLERK_SECRET_KEY") || set("CLERK_MACHINE_SECRET_KEY") {
        AuthenticatorBuilder::from_env()?.build()?
    } else {
        let clerk = emulator.insert(ClerkEmulator::builder().start().await?);
        for name in ["API_KEY", "API_KEY_OF_ANOTHER"] {
            let key = clerk.api_key(clerk.new_user_id()).create();
            println!("{name}={}", key.token());
        }
        clerk.authenticator_for(&clerk.machine("reports").create())
    };
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    // The limit by address needs it.
    let app =
        app(clerk, Duration::from_secs(1))?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL of a protected route, and keys of two users.
    async fn start() -> (String, [String; 2], ClerkEmulator) {
        let clerk = ClerkEmulator::start().await;
        let auth = clerk.authenticator_for(&clerk.machine("reports").create());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/whoami", listener.local_addr().unwrap());
        // Nothing is given back while a test runs, however slow the machine is.
        let app = app(auth, Duration::from_secs(3_600)).unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let key = || {
            clerk
                .api_key(clerk.new_user_id())
                .create()
                .token()
                .to_owned()
        };
        (url, [key(), key()], clerk)
    }

    async fn statuses(url: &str, token: &str, count: usize) -> Vec<u16> {
        let http = reqwest::Client::new();
        let mut statuses = Vec::new();
        for _ in 0..count {
            let request = http.get(url).bearer_auth(token);
            statuses.push(request.send().await.unwrap().status().as_u16());
        }
        statuses
    }

    #[tokio::test]
    async fn two_callers_of_one_address_have_a_bucket_each() {
        let (url, [one, other], _clerk) = start().await;
        let used = statuses(&url, &one, 12).await;
        assert_eq!(used[..5], [200; 5]);
        assert!(used.contains(&429), "{used:?}");
        assert_eq!(statuses(&url, &other, 5).await, [200; 5]);
    }

    #[tokio::test]
    async fn a_rejected_token_takes_nothing_from_the_bucket_of_a_caller() {
        let (url, [one, _], _clerk) = start().await;
        assert_eq!(statuses(&url, "ak_made_up", 20).await, [401; 20]);
        assert_eq!(statuses(&url, &one, 5).await, [200; 5]);
    }

    #[tokio::test]
    async fn made_up_tokens_make_no_buckets_of_callers_but_use_up_that_of_their_address() {
        let (url, _, _clerk) = start().await;
        let mut used = Vec::new();
        for number in 0..90 {
            used.extend(statuses(&url, &format!("ak_made_up_{number}"), 1).await);
        }
        assert!(used.contains(&429), "{used:?}");
        assert!(!used.contains(&200));
    }

    #[test]
    fn outside_of_the_authentication_there_is_no_key() {
        let request = Request::get("/").body(()).unwrap();
        assert!(BySubject.extract(&request).is_err());
    }
}
