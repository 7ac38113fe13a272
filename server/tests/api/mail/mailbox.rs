//! A mail server that accepts mails, or fails as a test demands.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// A time limit that suffices on the slowest machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// The fate of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server is too busy.
    Busy,
    /// The sender is refused.
    SenderRefused,
    /// The address is refused for now.
    Greylisted,
    /// The address does not exist.
    AddressRefused,
    /// The address gets no answer.
    Hangs,
    /// The connection is cut before the mail.
    Dies,
    /// The mail is refused for good.
    MailRefused,
    /// The mail is refused for now.
    Full,
    /// The mail is accepted, and the connection is cut before the answer.
    DiesAfterData,
}

/// A mail that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The sender in the envelope.
    pub(crate) from: String,
    /// The recipient in the envelope.
    pub(crate) to: String,
    pub(crate) raw: String,
}

impl Received {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let (head, _) = self.raw.split_once("\r\n\r\n").expect("a head");
        let start = format!("{name}: ");
        head.split("\r\n")
            .find_map(|line| line.strip_prefix(start.as_str()))
            .unwrap_or_else(|| panic!("no {name}: {head}"))
    }

    /// The decoded part of this type.
    pub(crate) fn part(&self, media_type: &str) -> String {
        part(&self.raw, media_type)
    }

    /// The code in the mail's link.
    pub(crate) fn code(&self) -> String {
        code(&self.part("text/plain"))
    }
}

/// The decoded part of this type of a mail.
pub(crate) fn part(raw: &str, media_type: &str) -> String {
    let raw = raw.replace("\r\n", "\n");
    let start = raw
        .find(&format!("Content-Type: {media_type}"))
        .expect(media_type);
    let (head, body) = raw[start..].split_once("\n\n").expect("a body");
    let boundary = raw
        .split("boundary=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let end = format!("\n--{}", boundary.expect("a boundary"));
    let body = body.split(end.as_str()).next().unwrap_or_default();
    let bytes = if head.contains("base64") {
        let packed: String = body.split_whitespace().collect();
        BASE64_STANDARD.decode(packed).expect("base64")
    } else if head.contains("quoted-printable") {
        unquoted(body)
    } else {
        body.as_bytes().to_vec()
    };
    String::from_utf8(bytes).expect("UTF-8")
}

/// The code in the text of a mail.
pub(crate) fn code(text: &str) -> String {
    let (_, code) = text.split_once("/support/resume/").expect(text);
    code.split_whitespace().next().expect(text).to_owned()
}

fn unquoted(text: &str) -> Vec<u8> {
    let text = text.replace("=\n", "");
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'=' && after.len() >= 2 {
            bytes.push(u8::from_str_radix(&String::from_utf8_lossy(&after[..2]), 16).expect("hex"));
            rest = &after[2..];
        } else {
            bytes.push(byte);
            rest = after;
        }
    }
    bytes
}

#[derive(Debug, Default)]
struct State {
    fates: VecDeque<Fate>,
    connections: usize,
    received: Vec<Received>,
}

/// The mail server.
pub(crate) struct Mailbox {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Mailbox {
    /// A server whose first connections meet these fates; later ones are served.
    pub(crate) async fn new(fates: &[Fate]) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), fates).await
    }

    /// The same at this address, which an earlier one had.
    pub(crate) async fn at(address: SocketAddr, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            fates: fates.iter().copied().collect(),
            ..State::default()
        }));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = shared.clone();
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        Self {
            address,
            state,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// The mails, once there are this many.
    pub(crate) async fn mails(&self, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let received = self.received();
            if received.len() >= count {
                assert_eq!(received.len(), count, "more than were awaited");
                return received;
            }
            assert!(
                Instant::now() < deadline,
                "{} of {count} mails",
                received.len()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Serves a connection; returns `None` when it has ended.
async fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let fate = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.fates.pop_front()
    };
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let greeting = match fate {
        Some(Fate::Busy) => "421 busy",
        _ => "220 mail.test ESMTP",
    };
    write
        .write_all(format!("{greeting}\r\n").as_bytes())
        .await
        .ok()?;
    let (mut from, mut to) = (String::new(), String::new());
    loop {
        let line = lines.next_line().await.ok()??;
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_uppercase();
        let argument = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match (&*verb, fate) {
            ("EHLO" | "HELO", _) => "250 mail.test",
            ("MAIL", Some(Fate::SenderRefused)) => "550 no such sender",
            ("MAIL", _) => {
                from = argument();
                "250 ok"
            }
            ("RCPT", Some(Fate::Greylisted)) => "451 4.7.1 greylisted",
            ("RCPT", Some(Fate::AddressRefused)) => "550 5.1.1 no such user",
            ("RCPT", Some(Fate::Hangs)) => {
                lines.next_line().await.ok()??;
                return None;
            }
            ("RCPT", Some(Fate::Dies)) => return None,
            ("RCPT", _) => {
                to = argument();
                "250 ok"
            }
            ("DATA", _) => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut raw = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    raw.push_str("\r\n");
                }
                let answer = match fate {
                    Some(Fate::MailRefused) => "554 5.7.1 spam",
                    Some(Fate::Full) => "452 4.3.1 full",
                    _ => "250 accepted",
                };
                if answer.starts_with('2') {
                    let (from, to) = (from.clone(), to.clone());
                    state
                        .lock()
                        .unwrap()
                        .received
                        .push(Received { from, to, raw });
                }
                if fate == Some(Fate::DiesAfterData) {
                    return None;
                }
                answer
            }
            ("QUIT", _) => "221 bye",
            ("NOOP" | "RSET", _) => "250 ok",
            _ => "502 unknown",
        };
        write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .ok()?;
    }
}
