use std::{collections::BTreeMap, fs};

use secrecy::ExposeSecret;

use super::*;

mod archive;
mod mail;

/// The smallest configuration that is valid.
fn vars(extra: &[(&str, &str)]) -> BTreeMap<String, String> {
    let minimal = [
        ("DATABASE_URL", "postgres://chat:pw@127.0.0.1/chat"),
        ("MATRIX_HOMESERVER_URL", "http://127.0.0.1:8008"),
        ("MATRIX_SUPPORT_BOT_MXID", "@supportbot:localhost"),
        ("MATRIX_SUPPORT_BOT_PASSWORD", "hunter2"),
        (
            "MATRIX_SUPPORT_STAFF_MXIDS",
            "@alice:localhost, @bob:localhost",
        ),
        ("SUPPORT_CHAT_ALLOWED_ORIGINS", "https://www.webdevelop.biz"),
    ];
    minimal
        .iter()
        .chain(extra)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn read(extra: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    Config::from_vars(vars(extra))
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The one mistake's line.
fn mistake(extra: &[(&str, &str)]) -> String {
    let mut errors = read(extra).expect_err("a mistake");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}

#[test]
fn every_secret_can_be_a_file_and_retention_at_the_homeserver_needs_a_retention() {
    for name in SECRETS {
        assert!(KNOWN.contains(name), "{name}");
        let errors = read(&[(&format!("{name}_FILE"), "/nowhere")]).err();
        let errors = errors.unwrap_or_default().join("; ");
        assert!(!errors.contains("not a known variable"), "{errors}");
    }
    let on = ("SUPPORT_CHAT_RETENTION_MATRIX", "on");
    let line = mistake(&[on]);
    assert!(line.contains("SUPPORT_CHAT_RETENTION"), "{line}");
    let config = read(&[on, ("SUPPORT_CHAT_RETENTION", "30days")]).unwrap();
    assert!(config.limits.retention_erases_rooms);
    assert!(!read(&[]).unwrap().limits.retention_erases_rooms);
}

#[test]
fn the_canary_is_an_account_of_its_own() {
    const NAME: &str = "MATRIX_SUPPORT_CANARY_MXID";
    let config = read(&[(NAME, "@canary:localhost")]).expect("valid");
    assert_eq!(config.matrix.canary.expect("named"), "@canary:localhost");
    for other in ["@supportbot:localhost", "@bob:localhost", "canary"] {
        let mistake = mistake(&[(NAME, other)]);
        assert!(mistake.starts_with(NAME), "{mistake}");
    }
}

/// Rooms are not federated.
#[test]
fn people_in_the_rooms_have_accounts_on_the_bot_s_server() {
    for (name, value) in [
        (
            "MATRIX_SUPPORT_STAFF_MXIDS",
            "@alice:localhost,@bob:localhost.example",
        ),
        ("MATRIX_SUPPORT_STAFF_MXIDS", "@alice:localhost:8448"),
        ("MATRIX_SUPPORT_CANARY_MXID", "@canary:elsewhere.example"),
    ] {
        let line = mistake(&[(name, value)]);
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
        assert!(line.contains("`localhost`"), "{line}");
    }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let config = read(&[]).unwrap();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8090");
    assert_eq!(config.http.admin_listen.to_string(), "127.0.0.1:8091");
    assert!(config.http.trusted_proxies.is_empty());
    assert_eq!(config.limits.max_message_chars, 4_000);
    assert_eq!(config.limits.session_ttl.as_secs(), 86_400);
    assert_eq!(config.limits.sessions_per_ip_per_hour.unwrap().get(), 10);
    assert_eq!(config.limits.sessions_per_hour.unwrap().get(), 300);
    assert_eq!(
        config.limits.messages_per_session_per_minute.unwrap().get(),
        20
    );
    assert_eq!(config.limits.requests_per_ip_per_minute.unwrap().get(), 600);
    assert_eq!(config.limits.retention, None);
    assert_eq!(config.limits.relay_grace.as_secs(), 600);
    assert_eq!(config.matrix.history_visibility, HistoryVisibility::Joined);
    assert_eq!(config.matrix.staff.len(), 2);
    assert!(config.turnstile.is_none());
    assert_eq!(
        (config.log.filter.as_str(), config.log.format),
        ("info", LogFormat::Text)
    );
}

#[test]
fn the_database_is_one_that_can_be_used_and_no_value_is_repeated() {
    for good in [
        "postgres://chat:pw@127.0.0.1/chat",
        "postgresql://chat@%2Frun%2Fpostgresql/chat?application_name=one",
        "postgres:///chat?host=/run/postgresql&user=chat",
        "postgres://chat:p%40%3F%23@[::1]:5433/chat?sslmode=verify-full&sslrootcert=/ca.pem",
    ] {
        assert!(read(&[("DATABASE_URL", good)]).is_ok(), "{good}");
    }
    for (bad, said) in [
        (
            "postgres://u:s3cret@h/d?passwd=s3cret",
            "unknown parameter: passwd",
        ),
        ("postgres://u@h/d?s3cret=1", "unknown parameter"),
        ("postgres://u@h/d?password=a&secret", "without a value"),
        (
            "postgres://u@h/d?target_session_attrs=s3cret",
            "unknown parameter: target_session_attrs",
        ),
        ("postgres://u:s3cret@a,b/d", "several hosts"),
        ("postgres://u:s3cret@a:1,b:2/d", "several hosts"),
        (
            "postgres:///d?user=u&password=s3cret&host=a,b",
            "several hosts",
        ),
        ("postgres://u:s3cret@h/d?port=1,2", "several hosts"),
        (
            "postgres://u:s3cret@h/d?sslmode=s3cret",
            "not valid: sslmode",
        ),
        ("postgres://u:s3cret@h/d?port=s3cret", "not valid: port"),
        ("postgres://u:s3cret@h/d?options=-c%20a=s3cret", "options"),
        ("postgres://u:p@a?s3cret=x@h/d", "%3F"),
        ("postgres://u:s3#cret@h/d", "is not valid"),
        ("postgres://u:s3cret@h/d#s3cret", "%23"),
        ("postgres://u:s3/cret@h/d", "is not valid"),
        ("s3cret", "expected postgres://"),
    ] {
        let line = mistake(&[("DATABASE_URL", bad)]);
        assert!(
            line.starts_with("DATABASE_URL: ") && line.contains(said),
            "{bad}: {line}"
        );
        assert!(!line.contains("s3"), "{line}");
    }
    let config = read(&[("DATABASE_URL", "postgres://chat:s3cret@h/chat")]).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn every_missing_variable_is_named_at_once() {
    let errors = Config::from_vars(BTreeMap::new()).unwrap_err();
    let names: Vec<_> = errors.iter().map(|error| error.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "DATABASE_URL",
            "MATRIX_HOMESERVER_URL",
            "MATRIX_SUPPORT_BOT_MXID",
            "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
            "MATRIX_SUPPORT_STAFF_MXIDS",
            "SUPPORT_CHAT_ALLOWED_ORIGINS",
        ]
    );
}

#[test]
fn a_wrong_value_is_one_line_that_names_the_variable() {
    for (name, value) in [
        ("DATABASE_URL", "mysql://h/d"),
        ("MATRIX_HOMESERVER_URL", "matrix.example.com"),
        ("MATRIX_SUPPORT_BOT_MXID", "supportbot"),
        ("MATRIX_SUPPORT_STAFF_MXIDS", "@alice:localhost,bob"),
        ("MATRIX_SUPPORT_STAFF_MXIDS", "@supportbot:localhost"),
        ("MATRIX_SUPPORT_HISTORY_VISIBILITY", "shared"),
        ("SUPPORT_CHAT_LISTEN", "8090"),
        (
            "SUPPORT_CHAT_ALLOWED_ORIGINS",
            "https://www.webdevelop.biz/",
        ),
        ("SUPPORT_CHAT_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("SUPPORT_CHAT_MAX_MESSAGE_CHARS", "0"),
        ("SUPPORT_CHAT_MAX_MESSAGE_CHARS", "20000"),
        ("SUPPORT_CHAT_SESSION_TTL", "forever"),
        ("SUPPORT_CHAT_SESSION_TTL", "0s"),
        ("SUPPORT_CHAT_RETENTION", "soon"),
        ("SUPPORT_CHAT_RELAY_GRACE", "10"),
        ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "-1"),
        ("SUPPORT_CHAT_LOG_FORMAT", "xml"),
        ("RUST_LOG", "a=b=c"),
    ] {
        let line = mistake(&[(name, value)]);
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn zero_switches_a_limit_off() {
    let config = read(&[("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0")]).unwrap();
    assert_eq!(config.limits.sessions_per_hour, None);
}

#[test]
fn a_misspelt_name_is_refused_with_the_nearest() {
    assert_eq!(
        mistake(&[("SUPPORT_CHAT_SESION_TTL", "1h")]),
        "SUPPORT_CHAT_SESION_TTL: is not a known variable; did you mean SUPPORT_CHAT_SESSION_TTL?"
    );
}

#[test]
fn a_secret_comes_from_a_file_too_but_never_from_both() {
    let file = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
    fs::write(&file, "from a file\n").unwrap();
    let path = file.to_str().unwrap();

    let mut from_file = vars(&[("MATRIX_SUPPORT_BOT_PASSWORD_FILE", path)]);
    from_file.remove("MATRIX_SUPPORT_BOT_PASSWORD");
    let config = Config::from_vars(from_file).unwrap();
    let BotCredentials::Password(password) = config.matrix.credentials else {
        panic!("a password was given")
    };
    assert_eq!(password.expose_secret(), "from a file");

    let line = mistake(&[("MATRIX_SUPPORT_BOT_PASSWORD_FILE", path)]);
    assert!(line.contains("given twice"), "{line}");
    fs::remove_file(&file).unwrap();

    let line = mistake(&[("TURNSTILE_SECRET_KEY_FILE", path)]);
    assert!(
        line.starts_with("TURNSTILE_SECRET_KEY_FILE: cannot be read"),
        "{line}"
    );
}

#[test]
fn identity_keys_are_a_secret_and_a_weak_one_is_refused_without_a_word_of_it() {
    const NAME: &str = "SUPPORT_CHAT_IDENTITY_KEYS";
    let keys = |bytes: usize| {
        format!(
            r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#,
            "QUFB".repeat(bytes / 3)
        )
    };
    assert!(read(&[]).unwrap().identity_keys.is_empty());
    let file = std::env::temp_dir().join(format!("identity-keys-{}", std::process::id()));
    fs::write(&file, keys(33) + "\n").unwrap();
    let path = file.to_str().unwrap();
    let config = read(&[("SUPPORT_CHAT_IDENTITY_KEYS_FILE", path)]).unwrap();
    assert_eq!(config.identity_keys.len(), 1);
    assert!(!format!("{config:?}").contains("QUFB"));
    let twice = mistake(&[(NAME, &keys(33)), ("SUPPORT_CHAT_IDENTITY_KEYS_FILE", path)]);
    assert!(twice.contains("given twice"), "{twice}");
    fs::remove_file(&file).unwrap();
    let weak = mistake(&[(NAME, &keys(30))]);
    assert!(
        weak.starts_with("SUPPORT_CHAT_IDENTITY_KEYS: is not valid: key 1 "),
        "{weak}"
    );
    assert!(!weak.contains("QUFB"), "{weak}");
    // Only secrets can be files.
    let listen = mistake(&[("SUPPORT_CHAT_LISTEN_FILE", path)]);
    assert!(listen.contains("is not a known variable"), "{listen}");
}

#[test]
fn ratings_are_on_or_off() {
    assert!(read(&[]).unwrap().takes_ratings);
    assert!(
        !read(&[("SUPPORT_CHAT_RATING", "off")])
            .unwrap()
            .takes_ratings
    );
    let line = mistake(&[("SUPPORT_CHAT_RATING", "maybe")]);
    assert!(line.starts_with("SUPPORT_CHAT_RATING: "), "{line}");
}

#[test]
fn no_secret_is_in_the_debug_output_or_in_a_mistake() {
    let config = read(&[("TURNSTILE_SECRET_KEY", "turnstile-secret")]).unwrap();
    let printed = format!("{config:?}");
    for secret in ["hunter2", "chat:pw", "turnstile-secret"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let line = mistake(&[("DATABASE_URL", "mysql://chat:hunter3@h/d")]);
    assert!(!line.contains("hunter3"), "{line}");
}

/// The documentation's table has every variable the code reads, in the same order, and no other.
#[test]
fn the_documentation_lists_exactly_what_is_read() {
    let documentation = include_str!("../../../docs/reference/configuration.md");
    let rows: Vec<_> = documentation
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(rows, KNOWN);
}
