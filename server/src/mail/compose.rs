//! Writes a mail as text and HTML. It loads nothing from elsewhere, and contains no text of the
//! visitor, who may have given a stranger's address.

use std::fmt::Write;

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use url::Url;
use uuid::Uuid;

use super::{code::ResumeCode, texts::MailTexts};
use crate::{config::Mail, model::Language};

/// The content of a mail.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    /// Its id.
    pub(super) id: Uuid,
    /// The recipient.
    pub(super) to: &'a str,
    /// The id that stands for the address in links.
    pub(super) address_id: Uuid,
    /// The language.
    pub(super) language: Language,
    /// The code with which the visitor resumes the conversation.
    pub(super) code: &'a ResumeCode,
    /// The replies of staff.
    pub(super) replies: &'a [String],
}

/// Composes the mail. Fails if an address is invalid.
pub(super) fn compose(
    mail: &Mail,
    contents: &Contents<'_>,
) -> Result<Message, lettre::error::Error> {
    let texts = MailTexts::of(contents.language);
    let links = Links::of(mail, contents);
    let quoted = if mail.includes_text {
        contents.replies
    } else {
        &[]
    };
    let to: Address = contents
        .to
        .parse()
        .map_err(|_| lettre::error::Error::MissingTo)?;
    let domain = mail.from.email.domain();
    let mut builder = Message::builder()
        .from(mail.from.clone())
        .to(Mailbox::new(None, to))
        .message_id(Some(format!("<{}@{domain}>", contents.id)))
        .date_now()
        .subject(texts.subject.replace("{}", &links.site));
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let stop = format!("<{}>", links.stop);
    for (name, value) in [
        (
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated",
        ),
        (
            HeaderName::new_from_ascii_str("X-Auto-Response-Suppress"),
            "All",
        ),
        (HeaderName::new_from_ascii_str("Precedence"), "bulk"),
        (
            HeaderName::new_from_ascii_str("List-Unsubscribe"),
            stop.as_str(),
        ),
        (
            HeaderName::new_from_ascii_str("List-Unsubscribe-Post"),
            "List-Unsubscribe=One-Click",
        ),
        (
            HeaderName::new_from_ascii_str("Content-Language"),
            contents.language.tag(),
        ),
    ] {
        // ASCII, and short enough for a line.
        builder = builder.raw_header(HeaderValue::dangerous_new_pre_encoded(
            name,
            value.to_owned(),
            value.to_owned(),
        ));
    }
    let plain = plain_text(texts, &links, quoted);
    let html = html(texts, &links, quoted, contents.language);
    builder.multipart(MultiPart::alternative_plain_html(plain, html))
}

struct Links {
    /// The name of the website.
    site: String,
    resume: String,
    stop: String,
}

impl Links {
    fn of(mail: &Mail, contents: &Contents<'_>) -> Self {
        let (public, code) = (&mail.public_url, contents.code.expose());
        let resume = match &mail.resume_page {
            Some(page) => format!("{page}#support-chat={code}"),
            None => format!("{public}/support/resume/{code}"),
        };
        let public_page = Url::parse(public).ok();
        let page = mail.resume_page.as_ref().or(public_page.as_ref());
        let host = page.and_then(Url::host_str).unwrap_or_default();
        Self {
            site: host.strip_prefix("www.").unwrap_or(host).to_owned(),
            resume,
            stop: format!("{public}/support/unsubscribe/{}", contents.address_id),
        }
    }
}

fn plain_text(texts: &MailTexts, links: &Links, quoted: &[String]) -> String {
    let mut text = format!("{}\n\n", texts.lead.replace("{}", &links.site));
    for reply in quoted {
        for line in reply.lines() {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "> {line}");
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "{}:\n{}\n\n{}\n\n{}\n\n-- \n{}\n{}: {}\n",
        texts.link, links.resume, texts.once, texts.no_reply, texts.why, texts.stop, links.stop
    );
    text
}

fn html(texts: &MailTexts, links: &Links, quoted: &[String], language: Language) -> String {
    let direction = match language {
        Language::Arabic => "rtl",
        _ => "ltr",
    };
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"{}\" dir=\"{direction}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\
         <body style=\"font-family:sans-serif;line-height:1.5;max-width:36em\"><p>{}</p>",
        language.tag(),
        escaped(&texts.subject.replace("{}", &links.site)),
        escaped(&texts.lead.replace("{}", &links.site)),
    );
    for reply in quoted {
        let quoted_lines: Vec<_> = reply.lines().map(escaped).collect();
        let _ = write!(
            html,
            "<blockquote dir=\"auto\">{}</blockquote>",
            quoted_lines.join("<br>")
        );
    }
    let _ = write!(
        html,
        "<p><a href=\"{}\" style=\"display:inline-block;padding:.6em 1em;background:#1d4ed8;color:#fff;\
         text-decoration:none;border-radius:.4em\">{}</a></p><p>{}</p><p>{}</p><hr><p><small>{} \
         <a href=\"{}\">{}</a></small></p></body></html>",
        escaped(&links.resume),
        escaped(texts.link),
        escaped(texts.once),
        escaped(texts.no_reply),
        escaped(texts.why),
        escaped(&links.stop),
        escaped(texts.stop),
    );
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{config::SmtpServer, model::EmailAddress};

    fn mail() -> Mail {
        Mail {
            server: SmtpServer {
                host: "127.0.0.1".to_owned(),
                port: 25,
                is_tls: false,
                account: None,
            },
            from: "Support <support@example.com>".parse().unwrap(),
            reply_to: Some("help@example.com".parse().unwrap()),
            bounces_to: EmailAddress::parse("bounces@example.com").unwrap(),
            public_url: "https://chat.example.com".to_owned(),
            resume_page: None,
            after: Duration::from_secs(1),
            includes_text: false,
        }
    }

    fn composed(mail: &Mail, language: Language, code: &ResumeCode) -> Message {
        let contents = Contents {
            id: Uuid::from_u128(7),
            to: "ada@example.org",
            address_id: Uuid::from_u128(8),
            language,
            code,
            replies: &["<b>secret</b>\nanswer".to_owned()],
        };
        compose(mail, &contents).unwrap()
    }

    /// The decoded text of the mail.
    fn body(message: &Message) -> String {
        let raw = String::from_utf8(message.formatted()).unwrap();
        assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998));
        let mut parts = String::new();
        let boundary = raw.split("boundary=\"").nth(1).unwrap();
        let boundary = boundary.split('"').next().unwrap();
        for part in raw.split(&format!("--{boundary}")).skip(1) {
            let Some((head, body)) = part.split_once("\r\n\r\n") else {
                continue;
            };
            if head.contains("base64") {
                let packed: String = body.split_whitespace().collect();
                let decoded = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, packed);
                parts.push_str(&String::from_utf8(decoded.unwrap()).unwrap());
            } else {
                let unfolded = body.replace("=\r\n", "");
                let bytes = unfolded.replace("=3D", "=").into_bytes();
                parts.push_str(&String::from_utf8(bytes).unwrap());
            }
        }
        parts
    }

    #[test]
    fn the_headers_stop_answers_and_offer_one_click() {
        let code = ResumeCode::generate();
        let message = composed(&mail(), Language::English, &code);
        let raw = String::from_utf8(message.formatted()).unwrap();
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        let headers: BTreeMap<_, _> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .collect();
        for (name, value) in [
            ("From", "Support <support@example.com>"),
            ("To", "ada@example.org"),
            ("Reply-To", "help@example.com"),
            ("Subject", "An answer to your chat on chat.example.com"),
            (
                "Message-ID",
                "<00000000-0000-0000-0000-000000000007@example.com>",
            ),
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("Precedence", "bulk"),
            (
                "List-Unsubscribe",
                "<https://chat.example.com/support/unsubscribe/00000000-0000-0000-0000-000000000008>",
            ),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("MIME-Version", "1.0"),
        ] {
            assert_eq!(headers.get(name), Some(&value), "{head}");
        }
        assert!(headers.contains_key("Date"));
    }

    #[test]
    fn a_mail_has_the_link_and_the_replies_only_where_that_is_wanted() {
        let (mut mail, code) = (mail(), ResumeCode::generate());
        for language in Language::ALL {
            let said = body(&composed(&mail, language, &code));
            let link = format!("https://chat.example.com/support/resume/{}", code.expose());
            assert_eq!(said.matches(&link).count(), 2, "{said}");
            assert!(!said.contains("secret") && !said.contains("src="), "{said}");
            let direction = if language == Language::Arabic {
                "rtl"
            } else {
                "ltr"
            };
            assert!(said.contains(&format!("dir=\"{direction}\"")), "{said}");
            assert!(said.contains(MailTexts::of(language).stop), "{said}");
        }
        mail.includes_text = true;
        let said = body(&composed(&mail, Language::English, &code));
        assert!(
            said.contains("> <b>secret</b>\r\n> answer")
                || said.contains("> <b>secret</b>\n> answer"),
            "{said}"
        );
        assert!(
            said.contains("&lt;b&gt;secret&lt;/b&gt;<br>answer"),
            "{said}"
        );
    }

    #[test]
    fn the_link_leads_to_the_website_where_there_is_a_page_for_it() {
        let (mut mail, code) = (mail(), ResumeCode::generate());
        mail.resume_page = Some("https://www.example.org/help?x=1".parse().unwrap());
        let said = body(&composed(&mail, Language::English, &code));
        let link = format!(
            "https://www.example.org/help?x=1#support-chat={}",
            code.expose()
        );
        assert!(said.contains(&link), "{said}");
        assert!(said.contains("began on example.org."), "{said}");
    }
}
