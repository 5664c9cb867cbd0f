//! The layer around a plain hyper service: it works with every `http` body.
#![allow(clippy::print_stderr)]

use std::convert::Infallible;

use bytes::Bytes;
use clerk_machine_auth::{Authenticator, ClerkMachineAuth, MachineAuth};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clerk = Authenticator::from_env()?;
    let service = ServiceBuilder::new()
        .layer(ClerkMachineAuth::new(clerk))
        .service(service_fn(whoami));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn whoami(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let subject = match request.extensions().get::<MachineAuth>() {
        Some(auth) => auth.subject().to_owned(),
        None => "nobody".to_owned(),
    };
    Ok(Response::new(Full::from(subject)))
}
