//! A connection: HTTP/1.1 or HTTP/2, as the client starts it, which a fault can close.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::select;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::close::Close;
use super::service::answer;
use super::shared::Shared;

/// Serves a connection until it ends.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Without it, small responses wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let close = Arc::new(Close::default());
    let peer = stream.peer_addr().ok().map(|address| address.ip());
    let (asked, by) = (Arc::clone(&close), Arc::clone(&close));
    let service =
        service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&by), peer, request));
    let stream = TokioIo::new(Stream { stream, close });
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = pin!(builder.serve_connection(stream, service));
    select(connection, pin!(asked.asked())).await;
}

/// A stream that is reset on drop if that was requested.
struct Stream {
    stream: TcpStream,
    close: Arc<Close>,
}

impl Drop for Stream {
    /// A linger of zero makes the close a reset; it is the lingering close that may block, not this.
    #[allow(deprecated)]
    fn drop(&mut self) {
        if self.close.is_reset() {
            let _ = self.stream.set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
