//! Everything that visitors get: the bytes of every answer, in which nothing of Matrix may be.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
};

use crate::common::TestApp;

/// Everything that a server has answered.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<u8>>>);

impl Record {
    /// Sits between the server and its visitors. An answer that contains anything of Matrix is cut off in the middle,
    /// so that its reader fails.
    pub(crate) async fn of(app: &mut TestApp) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = std::mem::replace(&mut app.address, listener.local_addr().unwrap());
        let record = Self::default();
        let kept = record.clone();
        tokio::spawn(async move {
            while let Ok((visitor, _)) = listener.accept().await {
                tokio::spawn(kept.clone().pass_on(visitor, server));
            }
        });
        record
    }

    /// All answers so far, in the order in which they came over any connection.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    async fn pass_on(self, visitor: TcpStream, server: SocketAddr) {
        // The connection is refused, since the server may have stopped.
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let (mut requests, mut to_visitor) = visitor.into_split();
        let (answers, mut to_server) = server.into_split();
        tokio::spawn(async move {
            let _ = tokio::io::copy(&mut requests, &mut to_server).await;
        });
        self.keep(answers, &mut to_visitor).await;
    }

    async fn keep(&self, mut answers: tcp::OwnedReadHalf, to_visitor: &mut tcp::OwnedWriteHalf) {
        let (mut chunk, mut answered) = (vec![0; 16 * 1024], Vec::new());
        while let Ok(read @ 1..) = answers.read(&mut chunk).await {
            answered.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answered);
            let found = identifier_in(&text);
            assert!(found.is_none(), "{found:?} of Matrix in {text}");
            self.0.lock().unwrap().extend_from_slice(&chunk[..read]);
            if to_visitor.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    }
}

/// The first address of Matrix, or id of a user, room, alias or event. Visitors of these tests do not write any.
fn identifier_in(text: &str) -> Option<&str> {
    let lower = text.to_ascii_lowercase();
    for address in ["matrix.to", "matrix:", "%40", "%3alocalhost"] {
        if let Some(at) = lower.find(address) {
            return text.get(at..at + address.len());
        }
    }
    let is_opaque = |it: &char| it.is_ascii_alphanumeric() || "+/-_".contains(*it);
    text.match_indices(['@', '!', '#', '$'])
        .find_map(|(at, _)| {
            let rest = &text[at + 1..];
            let opaque = rest.chars().take_while(is_opaque).count();
            let word = rest.split([' ', '\n', '\r', '"', '\\', '…', ',']).next()?;
            let names = word.find(":localhost").is_some_and(|server| server > 0);
            (opaque >= 43 || names).then(|| &text[at..=at + opaque.max(word.len())])
        })
}

#[test]
fn what_is_of_matrix_is_found_in_an_answer() {
    let event = format!("${}", "a-_B".repeat(11));
    for (text, found) in [
        (
            "{\"body\":\"ask @alice-1:localhost\"}",
            Some("@alice-1:localhost"),
        ),
        (
            "{\"body\":\"x\\n!room:localhost\"}",
            Some("!room:localhost"),
        ),
        (&format!("\"{event}\""), Some(&*event)),
        ("see https://Matrix.to/#/x", Some("Matrix.to")),
        ("matrix:u/alice", Some("matrix:")),
        ("{\"body\":\"@room! Ask $5, or me@example.org …\"}", None),
        ("http://localhost:8090/#top", None),
    ] {
        assert_eq!(identifier_in(text), found, "{text}");
    }
}
