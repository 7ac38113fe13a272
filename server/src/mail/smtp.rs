//! Hands a mail to the server that takes them, and tells what may be repeated from what may not.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lettre::{
    address::Envelope,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret;
use tokio::time;

use crate::config::SmtpServer;

/// An attempt may take so long.
pub(super) const TIME_LIMIT: Duration = Duration::from_mins(1);
/// A probe may take so long.
const PROBE: Duration = Duration::from_secs(15);
const FAREWELL: Duration = Duration::from_secs(2);
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Why a mail was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server will never take mails for this address.
    #[error("the address is refused: {0}")]
    Address(String),
    /// The server will never take this mail.
    #[error("the mail is refused: {0}")]
    Content(String),
    /// It may be tried again.
    #[error("{why}")]
    Later {
        /// What happened.
        why: String,
        /// The server may have accepted it nevertheless.
        may_be_accepted: bool,
    },
}

/// The way to the server.
#[derive(Debug)]
pub(super) struct Smtp {
    server: SmtpServer,
    hello: ClientId,
}

impl Smtp {
    /// To this server, which is told that `domain` greets it.
    pub(super) fn new(server: SmtpServer, domain: &str) -> Self {
        Self {
            server,
            hello: ClientId::Domain(domain.to_owned()),
        }
    }

    /// Sends a mail; once this says so, the server has accepted it.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), Failure> {
        let handed_over = AtomicBool::new(false);
        let sent = time::timeout(TIME_LIMIT, self.attempt(envelope, mail, &handed_over)).await;
        let failure = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failure)) => failure,
            Err(_) => later(format!("no answer within {} s", TIME_LIMIT.as_secs())),
        };
        Err(match failure {
            Failure::Later { why, .. } => Failure::Later {
                why,
                may_be_accepted: handed_over.load(Ordering::Relaxed),
            },
            refused => refused,
        })
    }

    async fn attempt(
        &self,
        envelope: &Envelope,
        mail: &[u8],
        handed_over: &AtomicBool,
    ) -> Result<(), Failure> {
        let mut connection = self.connect().await?;
        let from = Mail::new(envelope.from().cloned(), Vec::new());
        // What is wrong with the sender is the configuration's fault, and no mail is lost for it.
        connection
            .command(from)
            .await
            .map_err(|error| later(format!("MAIL FROM: {error}")))?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            let answer = connection.command(recipient).await;
            answer.map_err(|error| judge("RCPT TO", &error, Failure::Address))?;
        }
        let answer = connection.command(Data).await;
        answer.map_err(|error| judge("DATA", &error, Failure::Content))?;
        handed_over.store(true, Ordering::Relaxed);
        if let Err(error) = connection.message(mail).await {
            if error.status().is_some() {
                handed_over.store(false, Ordering::Relaxed);
            }
            return Err(judge("the mail", &error, Failure::Content));
        }
        // It is accepted, whatever becomes of the farewell.
        let _ = time::timeout(FAREWELL, connection.quit()).await;
        Ok(())
    }

    /// A connection that is as safe as it has to be, and logged in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let SmtpServer {
            host,
            port,
            is_tls,
            account,
        } = &self.server;
        let tls = || self.tls().map_err(|error| later(format!("TLS: {error}")));
        let address = (host.as_str(), *port);
        let at_once = if *is_tls { Some(tls()?) } else { None };
        let connected =
            AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, at_once, None);
        let mut connection = connected
            .await
            .map_err(|error| later(format!("connection: {error}")))?;
        if connection.can_starttls() {
            let begun = connection.starttls(tls()?, &self.hello).await;
            begun.map_err(|error| later(format!("STARTTLS: {error}")))?;
        }
        if let Some((user, password)) = account {
            if !connection.is_encrypted() && !self.is_here() {
                return Err(later("the password would be sent without TLS".to_owned()));
            }
            let password = password.expose_secret().to_owned();
            let credentials = Credentials::new(user.clone(), password);
            let logged_in = connection.auth(&MECHANISMS, &credentials).await;
            logged_in.map_err(|error| later(format!("AUTH: {error}")))?;
        }
        Ok(connection)
    }

    /// The certificate is verified where TLS was asked for, and where a password is sent. Elsewhere whoever could show
    /// a wrong one could as well suppress STARTTLS.
    fn tls(&self) -> Result<TlsParameters, Error> {
        let verifies = self.server.is_tls || self.server.account.is_some() && !self.is_here();
        TlsParameters::builder(self.server.host.clone())
            .dangerous_accept_invalid_certs(!verifies)
            .build()
    }

    /// Whether the server is on this machine.
    fn is_here(&self) -> bool {
        let host = &self.server.host;
        let is_loopback = |address: IpAddr| address.is_loopback();
        host == "localhost" || host.parse().is_ok_and(is_loopback)
    }
}

/// Whether the server takes a connection, begins TLS and accepts the account; says whether the connection is encrypted, or
/// what is wrong.
pub(crate) async fn probe(server: &SmtpServer, domain: &str) -> Result<bool, String> {
    let smtp = Smtp::new(server.clone(), domain);
    let connected = time::timeout(PROBE, smtp.connect()).await;
    let connected = connected.map_err(|_| format!("no answer within {} s", PROBE.as_secs()))?;
    let mut connection = connected.map_err(|failure| failure.to_string())?;
    let is_encrypted = connection.is_encrypted();
    let _ = time::timeout(FAREWELL, connection.quit()).await;
    Ok(is_encrypted)
}

fn later(why: String) -> Failure {
    Failure::Later {
        why,
        may_be_accepted: false,
    }
}

/// What a command's failure means: a permanent refusal is `refused`.
fn judge(command: &str, error: &Error, refused: impl FnOnce(String) -> Failure) -> Failure {
    let why = format!("{command}: {error}");
    if error.is_permanent() {
        refused(why)
    } else {
        later(why)
    }
}
