//! The line between a server and Postgres, as a TCP proxy whose connections can go dead.
//!
//! A dead connection forwards nothing in either direction and is not closed, so neither side learns of it. A firewall
//! that has forgotten a connection behaves like that. The kernel's own answers, such as those to keepalives, go on, so
//! only a client with a time limit notices.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// The line. Dropping it ends every connection.
pub(crate) struct Line {
    address: SocketAddr,
    cuts: watch::Sender<u32>,
    running: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Line {
    /// Forwards to this address.
    pub(crate) async fn start(postgres: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, watched) = watch::channel(0);
        Self {
            address,
            cuts,
            running: tokio::spawn(run(listener, postgres, watched)),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Makes all connections that are open now dead; new ones work.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn run(listener: TcpListener, postgres: SocketAddr, cuts: watch::Receiver<u32>) {
    // Dropped with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((server, _)) = accepted {
                    // Later cuts are news to it.
                    let mut cuts = cuts.clone();
                    cuts.mark_unchanged();
                    connections.spawn(forward(server, postgres, cuts));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn forward(
    mut server: TcpStream,
    postgres: SocketAddr,
    mut cuts: watch::Receiver<u32>,
) -> io::Result<()> {
    let mut postgres = TcpStream::connect(postgres).await?;
    server.set_nodelay(true)?;
    postgres.set_nodelay(true)?;
    tokio::select! {
        ended = copy_bidirectional(&mut server, &mut postgres) => ended.map(drop),
        _ = cuts.changed() => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn what_was_open_at_a_cut_is_dead_and_what_comes_later_lives() {
        let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let line = Line::start(echo.local_addr().unwrap()).await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    tokio::io::copy(&mut reader, &mut writer).await
                });
            }
        });
        let mut old = TcpStream::connect(line.address).await.unwrap();
        old.write_u8(1).await.unwrap();
        assert_eq!(old.read_u8().await.unwrap(), 1);
        line.cut();
        let mut new = TcpStream::connect(line.address).await.unwrap();
        old.write_u8(2).await.unwrap();
        new.write_u8(3).await.unwrap();
        assert_eq!(new.read_u8().await.unwrap(), 3);
        // Neither an answer nor an end.
        let silence = timeout(Duration::from_millis(200), old.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
}
