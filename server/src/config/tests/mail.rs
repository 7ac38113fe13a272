//! The configuration of mails.

use super::*;

/// What mails need, except for where they are sent.
const MAIL: [(&str, &str); 2] = [
    ("SUPPORT_CHAT_MAIL_FROM", "Support <support@example.com>"),
    ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.com/"),
];

fn read_mail(extra: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    read(&[&MAIL, extra].concat())
}

#[test]
fn mails_are_sent_where_the_url_says() {
    let server = |url| {
        let config = read_mail(&[("SUPPORT_CHAT_SMTP_URL", url)]);
        config
            .unwrap_or_else(|errors| panic!("{errors:?}"))
            .mail
            .unwrap()
            .server
    };
    for (url, host, port, is_tls) in [
        ("smtps://mail.example.com", "mail.example.com", 465, true),
        ("smtp://mail.example.com/", "mail.example.com", 25, false),
        (
            "smtp://u:p@mail.example.com",
            "mail.example.com",
            587,
            false,
        ),
        ("smtp://[::1]:2525", "::1", 2525, false),
        ("smtp://127.0.0.1:2525", "127.0.0.1", 2525, false),
    ] {
        let server = server(url);
        assert_eq!(
            (&*server.host, server.port, server.is_tls),
            (host, port, is_tls)
        );
    }
    let (user, password) = server("smtps://ada%40example.com:p%3A%2F%23@h")
        .account
        .unwrap();
    assert_eq!(
        (&*user, password.expose_secret()),
        ("ada@example.com", "p:/#")
    );
    assert!(
        read(&MAIL).unwrap().mail.is_none(),
        "without a server nothing is mailed"
    );
}

#[test]
fn a_wrong_server_of_mails_is_named_without_its_value() {
    for bad in [
        "s3cret",
        "https://u:s3cret@h",
        "smtps://",
        "smtps://u@s3cret",
        "smtps://:s3cret@h",
        "smtps://u:s3cret@h/path",
        "smtps://u:s3#cret@h",
        "smtps://u:s3?cret@h",
        "smtps://u:s3cret@h:port",
        "smtps://u:%ff@s3cret",
        "smtps://u:s3cret@h o",
    ] {
        let errors = read_mail(&[("SUPPORT_CHAT_SMTP_URL", bad)]).expect_err(bad);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].starts_with("SUPPORT_CHAT_SMTP_URL: is not valid: "),
            "{errors:?}"
        );
        assert!(!errors[0].contains("s3"), "{errors:?}");
    }
    let config = read_mail(&[("SUPPORT_CHAT_SMTP_URL", "smtps://u:s3cret@h")]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn a_server_of_mails_alone_is_not_enough() {
    let errors = read(&[("SUPPORT_CHAT_SMTP_URL", "smtp://h")]).expect_err("two are missing");
    assert_eq!(
        errors,
        [
            "SUPPORT_CHAT_MAIL_FROM: is required with SUPPORT_CHAT_SMTP_URL",
            "SUPPORT_CHAT_PUBLIC_URL: is required with SUPPORT_CHAT_SMTP_URL",
        ]
    );
    for (name, value) in [
        ("SUPPORT_CHAT_MAIL_FROM", "support"),
        (
            "SUPPORT_CHAT_MAIL_FROM",
            "Support <support@example.com>\nBcc: eve@example.com",
        ),
        ("SUPPORT_CHAT_MAIL_REPLY_TO", "@example.com"),
        ("SUPPORT_CHAT_MAIL_BOUNCES_TO", "bounces"),
        ("SUPPORT_CHAT_PUBLIC_URL", "chat.example.com"),
        ("SUPPORT_CHAT_PUBLIC_URL", "https://example.com/chat"),
        ("SUPPORT_CHAT_RESUME_PAGE", "javascript:alert(1)"),
        ("SUPPORT_CHAT_RESUME_PAGE", "https://example.com/#chat"),
        ("SUPPORT_CHAT_MAIL_AFTER", "0s"),
        ("SUPPORT_CHAT_MAIL_AFTER", "10"),
        ("SUPPORT_CHAT_MAIL_INCLUDE_TEXT", "yes"),
    ] {
        let line = mistake(&[(name, value)]);
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
    }
}

#[test]
fn mails_have_the_defaults_of_the_contract() {
    let config = read_mail(&[("SUPPORT_CHAT_SMTP_URL", "smtp://h")]).unwrap();
    let mail = config.mail.unwrap();
    assert_eq!(mail.after.as_secs(), 600);
    assert_eq!(mail.public_url, "https://chat.example.com");
    assert_eq!(mail.bounces_to.as_str(), "support@example.com");
    assert!(!mail.includes_text && mail.reply_to.is_none() && mail.resume_page.is_none());
}
