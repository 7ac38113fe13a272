//! A connection's transport, which reports what passes and lingers at its end.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time,
};

use super::{progress::Progress, seats::Seat};

/// How long the server reads what a client still sends after its answer.
const LINGERING: Duration = Duration::from_secs(5);

/// How long such a client may be silent.
const LINGERING_SILENCE: Duration = Duration::from_secs(2);

/// The stream to the client, and the connection's seat.
pub(super) struct Watched {
    /// `None` once this is dropped.
    held: Option<(TcpStream, Seat)>,
    progress: Arc<Progress>,
    is_shut: bool,
    has_ended: bool,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, progress: Arc<Progress>, seat: Seat) -> Self {
        Self {
            held: Some((stream, seat)),
            progress,
            is_shut: false,
            has_ended: false,
        }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match &mut self.held {
            Some((stream, _)) => Ok(Pin::new(stream)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.progress.sent(result.is_ready());
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = self.stream()?.poll_read(context, buffer);
        if result.is_ready() {
            if buffer.filled().len() > before {
                self.progress.received();
            } else {
                self.has_ended = true;
            }
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.stream()?.poll_write(context, bytes);
        self.written(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = self.stream()?.poll_write_vectored(context, pieces);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        self.stream()?.poll_shutdown(context)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let lingers = self.is_shut && !self.has_ended && self.progress.is_to_linger();
        if let Some((stream, seat)) = self.held.take()
            && lingers
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(linger(stream, seat));
        }
    }
}

/// A connection that is closed while the client still sends is reset, and the answer may be lost with it.
async fn linger(stream: TcpStream, seat: Seat) {
    let read = async {
        let mut discarded = vec![0; 8 * 1024];
        while let Ok(Ok(())) = time::timeout(LINGERING_SILENCE, stream.readable()).await {
            match stream.try_read(&mut discarded) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    let _ = time::timeout(LINGERING, read).await;
    drop(seat);
}
