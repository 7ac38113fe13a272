//! Mails to visitors who have left.

use std::{borrow::Cow, time::Duration};

use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::Env;
use crate::model::EmailAddress;

const SMTP_URL: &str = "SUPPORT_CHAT_SMTP_URL";
const FROM: &str = "SUPPORT_CHAT_MAIL_FROM";
const PUBLIC_URL: &str = "SUPPORT_CHAT_PUBLIC_URL";
const AFTER: &str = "SUPPORT_CHAT_MAIL_AFTER";

const DEFAULT_AFTER: Duration = Duration::from_mins(10);
const LONGEST_AFTER: Duration = Duration::from_hours(7 * 24);

/// How visitors who have left are mailed.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The server that accepts the mails.
    pub server: SmtpServer,
    /// The sender of the mails.
    pub from: Mailbox,
    /// The address to which answers go, unless it is `from`.
    pub reply_to: Option<Mailbox>,
    /// The address to which undeliverable mails are returned.
    pub bounces_to: EmailAddress,
    /// The origin at which visitors reach this server.
    pub public_url: String,
    /// A page of the website with the widget, to which the links lead instead.
    pub resume_page: Option<Url>,
    /// How long a reply waits to be fetched before it is mailed.
    pub after: Duration,
    /// Whether mails contain the text of the replies.
    pub includes_text: bool,
}

/// The mail server.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether TLS begins at once. Otherwise STARTTLS is used if the server offers it.
    pub is_tls: bool,
    /// The account at the mail server.
    pub account: Option<(String, SecretString)>,
}

impl Mail {
    /// The outer option is `None` after a mistake, and the inner one if no mails are sent.
    #[expect(
        clippy::option_option,
        reason = "the two absences mean different things"
    )]
    pub(super) fn read(env: &mut Env) -> Option<Option<Self>> {
        let is_on = env.is_given(SMTP_URL);
        let server = env
            .secret(SMTP_URL)
            .and_then(|url| checked(env, SMTP_URL, SmtpServer::parse(url.expose_secret())));
        let from = mailbox(env, FROM);
        let reply_to = mailbox(env, "SUPPORT_CHAT_MAIL_REPLY_TO");
        let bounces_to = mailbox(env, "SUPPORT_CHAT_MAIL_BOUNCES_TO");
        let public_url = read_url(env, PUBLIC_URL, |url| origin(&url));
        let resume_page = read_url(env, "SUPPORT_CHAT_RESUME_PAGE", page);
        let after = read_after(env);
        let includes_text = env.switch("SUPPORT_CHAT_MAIL_INCLUDE_TEXT", false);
        if !is_on {
            return Some(None);
        }
        for (name, is_missing) in [
            (FROM, env.text(FROM).is_none()),
            (PUBLIC_URL, env.text(PUBLIC_URL).is_none()),
        ] {
            if is_missing {
                env.error(name, format!("is required with {SMTP_URL}"));
            }
        }
        let from = from?;
        let bounces_to = bounces_to.as_ref().unwrap_or(&from);
        Some(Some(Self {
            server: server?,
            bounces_to: EmailAddress::parse(bounces_to.email.as_ref())?,
            from,
            reply_to,
            public_url: public_url?,
            resume_page,
            after: after?,
            includes_text: includes_text?,
        }))
    }
}

impl SmtpServer {
    /// Reads an address. An error message contains no part of it.
    fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected smtps://user:password@host or smtp://host";
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let is_tls = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(EXPECTED),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(
                "expected nothing behind the host and the port; `/`, `?` and `#` in a password are written as %2F, %3F and %23",
            );
        }
        let host = Host::parse(url.host_str().unwrap_or_default()).map_err(|_| EXPECTED)?;
        let host = match host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        };
        let decoded = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(Cow::into_owned)
                .map_err(|_| "its user or password is not UTF-8")
        };
        let account = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None) => return Err("a user and a password go together"),
            (user, Some(password)) => Some((decoded(user)?, decoded(password)?.into())),
        };
        let usual_port = match (is_tls, &account) {
            (true, _) => 465,
            (false, Some(_)) => 587,
            (false, None) => 25,
        };
        Ok(Self {
            host,
            port: url.port().unwrap_or(usual_port),
            is_tls,
            account,
        })
    }
}

fn checked<T>(env: &mut Env, name: &str, read: Result<T, &'static str>) -> Option<T> {
    read.map_err(|problem| env.error(name, format!("is not valid: {problem}")))
        .ok()
}

/// An address, with or without a name before it.
fn mailbox(env: &mut Env, name: &str) -> Option<Mailbox> {
    let text = env.text(name)?;
    let read = text.parse::<Mailbox>().ok().filter(|mailbox| {
        let is_line = |name: &String| !name.contains(char::is_control);
        EmailAddress::parse(mailbox.email.as_ref()).is_some()
            && mailbox.name.as_ref().is_none_or(is_line)
    });
    let expected =
        "expected an address, as `support@example.com` or `Support <support@example.com>`";
    checked(env, name, read.ok_or(expected))
}

fn read_url<T>(
    env: &mut Env,
    name: &str,
    read: impl FnOnce(Url) -> Result<T, &'static str>,
) -> Option<T> {
    let text = env.text(name)?;
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or("expected https://…");
    checked(env, name, url.and_then(read))
}

fn origin(url: &Url) -> Result<String, &'static str> {
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        Ok(url.origin().ascii_serialization())
    } else {
        Err("expected nothing behind the host, as https://chat.example.com")
    }
}

fn page(url: Url) -> Result<Url, &'static str> {
    match url.fragment() {
        None => Ok(url),
        Some(_) => Err("a code takes the place of what is behind #"),
    }
}

fn read_after(env: &mut Env) -> Option<Duration> {
    let after = *env.parse_or(AFTER, humantime::Duration::from(DEFAULT_AFTER))?;
    if after.is_zero() || after > LONGEST_AFTER {
        env.error(AFTER, "must be more than 0s and at most 7days");
        return None;
    }
    Some(after)
}
