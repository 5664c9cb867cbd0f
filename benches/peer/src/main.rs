//! Serves the router of the benchmark behind jwt-authorizer, on one thread.
//!
//! Takes the public key as its argument, prints its address, and ends when its input does.

use std::error::Error;
use std::io::Read as _;

use axum::Router;
use axum::routing::get;
use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, JwtClaims, RegisteredClaims};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    std::thread::spawn(|| {
        let _ended = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let key = std::env::args().nth(1).ok_or("no key is given")?;
    let authorizer: Authorizer = JwtAuthorizer::from_rsa_pem_text(&key).build().await?;
    let router = Router::new()
        .route("/", get(whoami))
        .layer(authorizer.into_layer());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn whoami(JwtClaims(claims): JwtClaims<RegisteredClaims>) -> &'static str {
    if claims.sub.is_some() { "ok" } else { "nobody" }
}
