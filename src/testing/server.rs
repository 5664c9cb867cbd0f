//! The listener: it can be stopped and resumed on the same port, and stops with its owner.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::connection::serve;
use super::lock::lock;
use super::shared::Shared;

/// A server on one address.
pub(super) struct Server {
    address: SocketAddr,
    running: Mutex<Option<Running>>,
    /// While the listener is stopped, the port stays bound, so that no other process gets it.
    held: Mutex<Option<TcpSocket>>,
}

struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, shared: Arc<Shared>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(Self {
            address,
            running: Mutex::new(Some(run(listener, shared))),
            held: Mutex::default(),
        })
    }

    /// Closes the listener and every connection; returns when they are closed.
    pub(super) async fn stop(&self) {
        let running = lock(&self.running).take();
        if let Some(Running { stop, task }) = running {
            let _ = stop.send(());
            let _ = task.await;
            *lock(&self.held) = hold(self.address).ok();
        }
    }

    /// Listens again on the same address; does nothing if it is listening.
    pub(super) async fn resume(&self, shared: Arc<Shared>) -> io::Result<()> {
        if lock(&self.running).is_none() {
            let held = lock(&self.held).take();
            let listener = match held {
                Some(socket) => socket.listen(BACKLOG)?,
                None => TcpListener::bind(self.address).await?,
            };
            *lock(&self.running) = Some(run(listener, shared));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = lock(&self.running).take() {
            running.task.abort();
        }
    }
}

/// The backlog of connections, the same as that of `TcpListener::bind`.
const BACKLOG: u32 = 1_024;

/// Binds the port without listening: connections are refused.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections that were just closed still use the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn run(listener: TcpListener, shared: Arc<Shared>) -> Running {
    let (stop, stopped) = oneshot::channel();
    Running {
        stop,
        task: tokio::spawn(accept(listener, shared, stopped)),
    }
}

/// Accepts connections until it is stopped. Dropping the set of connections closes them all.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = match select(Box::pin(listener.accept()), &mut stopped).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => break,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
            // Most likely out of file descriptors, which may be available again soon.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    connections.shutdown().await;
}
