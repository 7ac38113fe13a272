//! Writes mails: text and HTML, without anything that is fetched from elsewhere, and without a word of the visitor's,
//! since somebody may have given a stranger's address. Only a conversation that was asked for is attached.

use std::fmt::Write;

use lettre::{
    Address, Message,
    message::{
        Attachment, Mailbox, MessageBuilder, MultiPart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use url::Url;
use uuid::Uuid;

use super::{code::ResumeCode, texts::MailTexts};
use crate::{config::Mail, model::Language};

/// What one mail about replies consists of.
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

/// What a mail of a conversation consists of.
#[derive(Debug)]
pub(super) struct CopyContents<'a> {
    /// Its id.
    pub(super) id: Uuid,
    /// Whom it is for.
    pub(super) to: &'a str,
    /// The address's name in links.
    pub(super) address_id: Uuid,
    /// In which language.
    pub(super) language: Language,
    /// What the attachment is called.
    pub(super) file_name: String,
    /// The conversation.
    pub(super) text: String,
}

/// The mail; an error where the address is none.
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
    let Contents {
        id, to, language, ..
    } = *contents;
    let subject = texts.subject.replace("{}", &links.site);
    let plain = plain_text(texts, &links, quoted);
    let html = html(texts, &links, quoted, language);
    headed(mail, (id, to), language, subject, &links.stop)?
        .multipart(MultiPart::alternative_plain_html(plain, html))
}

/// A mail with a conversation. What the visitor wrote is in the attachment only, so that the mail itself says nothing but the
/// server's own words.
pub(super) fn compose_copy(
    mail: &Mail,
    copy: &CopyContents<'_>,
) -> Result<Message, lettre::error::Error> {
    let texts = MailTexts::of(copy.language);
    let (site, stop) = (site(mail), stop_link(mail, copy.address_id));
    let subject = texts.copy_subject.replace("{}", &site);
    let lead = texts.copy_lead.replace("{}", &site);
    let plain = [&lead, "\n", &plain_end(texts, &stop)].concat();
    let mut html = html_head(copy.language, &subject, &lead);
    html.push_str(&html_end(texts, &stop));
    let attached = Attachment::new(copy.file_name.clone());
    let attached = attached.body(copy.text.clone(), ContentType::TEXT_PLAIN);
    let parts = MultiPart::mixed()
        .multipart(MultiPart::alternative_plain_html(plain, html))
        .singlepart(attached);
    headed(mail, (copy.id, copy.to), copy.language, subject, &stop)?.multipart(parts)
}

/// The head of a mail.
fn headed(
    mail: &Mail,
    (id, to): (Uuid, &str),
    language: Language,
    subject: String,
    stop: &str,
) -> Result<MessageBuilder, lettre::error::Error> {
    let to: Address = to.parse().map_err(|_| lettre::error::Error::MissingTo)?;
    let domain = mail.from.email.domain();
    let mut builder = Message::builder()
        .from(mail.from.clone())
        .to(Mailbox::new(None, to))
        .message_id(Some(format!("<{id}@{domain}>")))
        .date_now()
        .subject(subject);
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let stop = format!("<{stop}>");
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
            language.tag(),
        ),
    ] {
        // ASCII, and short enough for a line.
        builder = builder.raw_header(HeaderValue::dangerous_new_pre_encoded(
            name,
            value.to_owned(),
            value.to_owned(),
        ));
    }
    Ok(builder)
}

struct Links {
    /// The name of the website.
    site: String,
    resume: String,
    stop: String,
}

impl Links {
    fn of(mail: &Mail, contents: &Contents<'_>) -> Self {
        let code = contents.code.expose();
        Self {
            site: site(mail),
            resume: match &mail.resume_page {
                Some(page) => format!("{page}#support-chat={code}"),
                None => format!("{}/support/resume/{code}", mail.public_url),
            },
            stop: stop_link(mail, contents.address_id),
        }
    }
}

/// What the website is called.
fn site(mail: &Mail) -> String {
    let public_page = Url::parse(&mail.public_url).ok();
    let page = mail.resume_page.as_ref().or(public_page.as_ref());
    let host = page.and_then(Url::host_str).unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

fn stop_link(mail: &Mail, address_id: Uuid) -> String {
    format!("{}/support/unsubscribe/{address_id}", mail.public_url)
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
        "{}:\n{}\n\n{}\n\n{}\n{}",
        texts.link,
        links.resume,
        texts.once,
        texts.no_reply,
        plain_end(texts, &links.stop)
    );
    text
}

/// The end of every mail: why it was sent, and how to get no more.
fn plain_end(texts: &MailTexts, stop: &str) -> String {
    format!("\n-- \n{}\n{}: {stop}\n", texts.why, texts.stop)
}

fn html(texts: &MailTexts, links: &Links, quoted: &[String], language: Language) -> String {
    let title = texts.subject.replace("{}", &links.site);
    let lead = texts.lead.replace("{}", &links.site);
    let mut html = html_head(language, &title, &lead);
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
         text-decoration:none;border-radius:.4em\">{}</a></p><p>{}</p><p>{}</p>{}",
        escaped(&links.resume),
        escaped(texts.link),
        escaped(texts.once),
        escaped(texts.no_reply),
        html_end(texts, &links.stop),
    );
    html
}

fn html_head(language: Language, title: &str, lead: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"{}\" dir=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title></head>\
         <body style=\"font-family:sans-serif;line-height:1.5;max-width:36em\"><p>{}</p>",
        language.tag(),
        language.direction(),
        escaped(title),
        escaped(lead),
    )
}

fn html_end(texts: &MailTexts, stop: &str) -> String {
    format!(
        "<hr><p><small>{} <a href=\"{}\">{}</a></small></p></body></html>",
        escaped(texts.why),
        escaped(stop),
        escaped(texts.stop),
    )
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
