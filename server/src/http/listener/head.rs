//! Waits for a connection's first head where that costs least: in the kernel. Attackers send half of a head to use up a
//! server, and the HTTP layer has buffers for each connection from the first byte on.

use std::io;

use rustix::net::{RecvFlags, recv};
use tokio::{io::Interest, net::TcpStream};

/// A longer head is left to the HTTP layer.
const LOOKED_AT: usize = 8 * 1024;

/// Waits until the HTTP layer has something to answer; `false` when the client has ended before.
pub(super) async fn arrives(stream: &TcpStream) -> io::Result<bool> {
    loop {
        let is_closed = stream.ready(Interest::READABLE).await?.is_read_closed();
        let looked = stream.try_io(Interest::READABLE, || {
            let mut bytes = [0; LOOKED_AT];
            let (length, _) = recv(stream, &mut bytes[..], RecvFlags::PEEK)?;
            if is_enough(&bytes[..length]) {
                return Ok(true);
            }
            // Only bytes that come later make it ready again.
            if is_closed {
                Ok(false)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        });
        match looked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            looked => return looked,
        }
    }
}

/// Whether this is a whole head, or can never become one.
fn is_enough(bytes: &[u8]) -> bool {
    let Some(first) = bytes.first() else {
        return false;
    };
    let ends = |end: &[u8]| bytes.windows(end.len()).any(|window| window == end);
    !first.is_ascii_alphabetic() || bytes.len() == LOOKED_AT || ends(b"\r\n\r\n") || ends(b"\n\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::AsyncWriteExt,
        net::TcpListener,
        time::{sleep, timeout},
    };

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (client.unwrap(), accepted.unwrap().0)
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        for enough in [
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            b"GET / HTTP/1.1\n\nmore",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01",
            b"\r\n",
            &[b'a'; LOOKED_AT],
        ] {
            assert!(is_enough(enough), "{enough:?}");
        }
        for partial in [&b""[..], b"G", b"GET / HTTP/1.1\r\nHost: chat\r\n"] {
            assert!(!is_enough(partial), "{partial:?}");
        }
    }

    #[tokio::test]
    async fn a_head_in_pieces_is_waited_for_and_left_where_it_is() {
        let (mut client, server) = pair().await;
        let head = b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n";
        let write = async {
            for byte in head {
                client.write_all(&[*byte]).await.unwrap();
                sleep(Duration::from_millis(1)).await;
            }
        };
        let (arrived, ()) = tokio::join!(arrives(&server), write);
        assert!(arrived.unwrap());
        let mut read = [0; 64];
        assert_eq!(server.try_read(&mut read).unwrap(), head.len());
        assert_eq!(&read[..head.len()], head);
    }

    #[tokio::test]
    async fn a_client_that_ends_in_between_is_not_waited_for() {
        for said in [&b""[..], b"GET / HTT"] {
            let (mut client, server) = pair().await;
            client.write_all(said).await.unwrap();
            client.shutdown().await.unwrap();
            let arrived = timeout(Duration::from_secs(10), arrives(&server)).await;
            assert!(!arrived.expect("no wait").unwrap());
        }
    }
}
