//! A gRPC server whose callers are machines, keys and OAuth applications of a Clerk instance:
//!
//! ```sh
//! cargo run --manifest-path examples/grpc/Cargo.toml
//! ```
//!
//! Without Clerk's settings in the environment it starts an emulator, and prints what to try it with
//! as `NAME=value` lines. The last line is `listening on http://…`. The client is `--bin client`.
//!
//! - `LISTEN`: address and port, `127.0.0.1:50051` by default; port 0 takes a free one.
//! - `PROTECT`: `one` (the default) protects the service and leaves health open; `all` protects
//!   everything that the server has.
//! - `RUST_LOG`: what is logged.

use std::error::Error;
use std::process::ExitCode;

use grpc::Clerk;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let clerk = Clerk::find().await?;
    let address = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:50051".to_owned());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN: cannot listen on `{address}`: {error}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    for (name, value) in &clerk.values {
        println!("{name}={value}");
    }
    println!("TARGET={url}");
    println!("listening on {url}");
    let incoming = TcpListenerStream::new(listener);
    let auth = clerk.auth.clone();
    match std::env::var("PROTECT").as_deref() {
        Ok("all") => grpc::all(auth).await.serve_with_incoming(incoming).await?,
        Ok("one") | Err(_) => grpc::one(auth).await.serve_with_incoming(incoming).await?,
        Ok(other) => return Err(format!("PROTECT: `{other}` is neither `one` nor `all`").into()),
    }
    Ok(())
}
