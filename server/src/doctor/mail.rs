//! The server that takes mails.

use super::finding::Findings;
use crate::{config::Config, mail};

const CHECK: &str = "mail.server";

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    let Some(mail) = &config.mail else {
        findings.skipped(
            CHECK,
            "SUPPORT_CHAT_SMTP_URL is not given: nothing is mailed",
        );
        return;
    };
    let server = &mail.server;
    let place = format!("{}:{}", server.host, server.port);
    match mail::probe(server, mail.from.email.domain()).await {
        Ok(true) => findings.ok(CHECK, format!("{place} takes the connection, TLS and the account, if one is given")),
        Ok(false) => findings.warning(
            CHECK,
            format!("{place} takes the connection, without TLS"),
            "use smtps:// or a server that offers STARTTLS, unless it is on this machine",
        ),
        Err(why) => findings.problem(
            CHECK,
            format!("{place}: {why}"),
            "check SUPPORT_CHAT_SMTP_URL: host, port, user, password, and that the certificate is for this host",
        ),
    }
}
