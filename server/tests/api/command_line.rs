//! The program itself, as an operator starts it.

use std::process::{Command, Output};

use sqlx::{ConnectOptions, PgPool};

const VALID: [(&str, &str); 6] = [
    (
        "DATABASE_URL",
        "postgres://chat:database-password@127.0.0.1/chat",
    ),
    ("MATRIX_HOMESERVER_URL", "http://127.0.0.1:8008"),
    ("MATRIX_SUPPORT_BOT_MXID", "@supportbot:localhost"),
    ("MATRIX_SUPPORT_BOT_PASSWORD", "bot-password"),
    ("MATRIX_SUPPORT_STAFF_MXIDS", "@alice:localhost"),
    ("SUPPORT_CHAT_ALLOWED_ORIGINS", "https://www.webdevelop.biz"),
];

fn run(arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matrix-support-chat"))
        .args(arguments)
        .env_clear()
        .envs(VALID)
        .envs(vars.iter().copied())
        .output()
        .unwrap()
}

fn lines(output: &[u8]) -> Vec<String> {
    String::from_utf8(output.to_vec())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_valid_configuration_is_confirmed() {
    let output = run(&["--check-config"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lines(&output.stdout), ["The configuration is valid."]);
}

#[test]
fn each_mistake_is_one_line_that_names_the_variable_and_no_secret() {
    let mistakes = [
        (
            "DATABASE_URL",
            "mysql://chat:database-password@127.0.0.1/chat",
        ),
        ("SUPPORT_CHAT_SESSION_TTL", "soon"),
        ("SUPPORT_CHAT_LISTN", "127.0.0.1:1"),
    ];
    for arguments in [&["--check-config"][..], &[]] {
        let output = run(arguments, &mistakes);
        assert_eq!(output.status.code(), Some(2));
        let errors = lines(&output.stderr);
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors[0].contains("did you mean SUPPORT_CHAT_LISTEN?"),
            "{errors:?}"
        );
        for (name, _) in mistakes {
            assert!(
                errors.iter().any(|line| line.starts_with(name)),
                "{name}: {errors:?}"
            );
        }
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8(said).unwrap().contains("-password"));
    }
}

#[test]
fn the_canary_needs_both_ends_and_none_of_the_server_s_secrets() {
    let none = [("DATABASE_URL", ""), ("MATRIX_SUPPORT_BOT_PASSWORD", "")];
    let output = run(&["canary"], &none);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        lines(&output.stderr),
        [
            "SUPPORT_CHAT_CANARY_URL: is required",
            "MATRIX_SUPPORT_CANARY_ACCESS_TOKEN: is required",
            "SUPPORT_CHAT_CANARY_STATE: is required",
        ]
    );
}

#[test]
fn without_its_database_the_server_says_so_and_ends() {
    for arguments in [&[][..], &["serve"], &["migrate"]] {
        let output = run(
            arguments,
            &[(
                "DATABASE_URL",
                "postgres://chat:database-password@127.0.0.1:1/chat",
            )],
        );
        assert_eq!(output.status.code(), Some(1));
        let log = lines(&output.stdout);
        assert!(
            log.len() == 1 && log[0].contains("DATABASE_URL: the database cannot be"),
            "{log:?}"
        );
        assert!(!log[0].contains("database-password"));
    }
}

#[test]
fn an_unknown_argument_is_refused() {
    let output = run(&["--sevre"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(lines(&output.stderr)[0].contains("`--sevre`"));
}

#[test]
fn it_says_which_version_it_is() {
    let output = run(&["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let version = concat!("matrix-support-chat ", env!("CARGO_PKG_VERSION"));
    assert_eq!(lines(&output.stdout), [version]);
}

#[sqlx::test(migrations = false)]
async fn a_database_is_migrated_as_often_as_one_likes(pool: PgPool) {
    let url = pool.connect_options().to_url_lossy().to_string();
    for _ in 0..2 {
        let output = run(&["migrate"], &[("DATABASE_URL", &url)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sessions, 0);
}
