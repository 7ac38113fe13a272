//! Hands a mail to the mail server, and tells whether a failed attempt may be repeated.

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

/// The time limit of an attempt.
pub(super) const TIME_LIMIT: Duration = Duration::from_mins(1);
/// A probe may take so long.
const PROBE: Duration = Duration::from_secs(15);
const FAREWELL: Duration = Duration::from_secs(2);
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Why a mail was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The server will never accept mails for this address.
    #[error("the address is refused: {0}")]
    Address(String),
    /// The server will never accept this mail.
    #[error("the mail is refused: {0}")]
    Content(String),
    /// The attempt may be repeated.
    #[error("{why}")]
    Later {
        /// What has failed.
        why: String,
        /// Whether the server may have accepted the mail nevertheless.
        may_be_accepted: bool,
    },
}

/// A client of the mail server.
#[derive(Debug)]
pub(super) struct Smtp {
    server: SmtpServer,
    hello: ClientId,
}

impl Smtp {
    /// Connects to this server, and greets it as `domain`.
    pub(super) fn new(server: SmtpServer, domain: &str) -> Self {
        Self {
            server,
            hello: ClientId::Domain(domain.to_owned()),
        }
    }

    /// Sends a mail. When this succeeds, the server has accepted it.
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
        // A rejected sender is a mistake in the configuration, for which no mail may be lost.
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

    /// Opens a connection that is as secure as it has to be, and logs in.
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

    /// The certificate is verified if TLS was configured or a password is sent. In the other cases
    /// verification would gain nothing, since an attacker who could present a wrong certificate
    /// could also suppress STARTTLS.
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

/// The meaning of a failed command. A permanent refusal becomes `refused`.
fn judge(command: &str, error: &Error, refused: impl FnOnce(String) -> Failure) -> Failure {
    let why = format!("{command}: {error}");
    if error.is_permanent() {
        refused(why)
    } else {
        later(why)
    }
}
