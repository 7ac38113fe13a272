//! The program, as an operator starts it.

mod operators;

use std::{
    os::unix::net::UnixDatagram,
    process::{Command, Output, Stdio},
    time::Duration,
};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgSslMode},
};

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

/// The URL of the test's database, with a change.
fn url(pool: &PgPool, change: impl FnOnce(PgConnectOptions) -> PgConnectOptions) -> String {
    let options = (*pool.connect_options()).clone();
    change(options).to_url_lossy().to_string()
}

#[sqlx::test(migrations = false)]
async fn what_is_wrong_with_the_database_is_said_and_no_value(pool: PgPool) {
    let listens = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listens.local_addr().unwrap().port();
    for (url, reason) in [
        (
            url(&pool, |options| options.database("secret-name")),
            "there is no such database",
        ),
        (
            url(&pool, |options| options.username("secret-name")),
            "password authentication failed for the user",
        ),
        (
            url(&pool, |options| options.port(1).database("secret-name")),
            "the connection was refused",
        ),
        (
            url(&pool, |options| {
                options.port(silent).database("secret-name")
            }),
            "there is no answer",
        ),
        (
            url(&pool, |options| options.ssl_mode(PgSslMode::Require)),
            "the server does not speak TLS",
        ),
    ] {
        for arguments in [&["serve"][..], &["migrate"]] {
            let output = run(arguments, &[("DATABASE_URL", &url), ("RUST_LOG", "trace")]);
            assert_eq!(output.status.code(), Some(1), "{reason}");
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            let told = format!("DATABASE_URL: the database cannot be used: {reason}");
            assert!(said.contains(&told), "{reason}: {said}");
            assert!(!said.contains("secret-name"), "{said}");
        }
    }
}

#[test]
fn a_parameter_of_the_database_that_is_unknown_is_named_without_its_value() {
    for arguments in [&["--check-config"][..], &["serve"], &["migrate"]] {
        let output = run(
            arguments,
            &[
                (
                    "DATABASE_URL",
                    "postgres://chat@127.0.0.1/chat?passwd=database-password",
                ),
                ("RUST_LOG", "trace"),
            ],
        );
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            lines(&output.stderr),
            ["DATABASE_URL: has an unknown parameter: passwd"]
        );
        assert!(output.stdout.is_empty());
    }
}

/// The messages that the server sends to systemd, in their order.
#[sqlx::test(migrations = false)]
async fn systemd_is_told_when_the_server_serves_lives_and_stops(pool: PgPool) {
    let dir = std::env::temp_dir().join(format!("notify-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&dir).unwrap();
    let path = dir.join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let database = url(&pool, |options| options);
    let mut server = Command::new(env!("CARGO_BIN_EXE_matrix-support-chat"))
        .env_clear()
        .envs(VALID)
        .env("DATABASE_URL", database)
        .env("MATRIX_HOMESERVER_URL", "http://127.0.0.1:1")
        .env("SUPPORT_CHAT_LISTEN", "127.0.0.1:0")
        .env("SUPPORT_CHAT_ADMIN_LISTEN", "127.0.0.1:0")
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "2000000")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec())
            .unwrap()
            .trim()
            .to_owned()
    };
    assert!(
        told().starts_with("EXTEND_TIMEOUT_USEC="),
        "migrations take their time"
    );
    // Either of these may come first.
    let mut first = [told(), told()];
    first.sort();
    assert_eq!(first, ["READY=1", "WATCHDOG=1"]);
    assert_eq!(told(), "WATCHDOG=1", "and on");
    let process = server.id().to_string();
    assert!(
        Command::new("kill")
            .arg(process)
            .status()
            .unwrap()
            .success()
    );
    let last = loop {
        let told = told();
        if told != "WATCHDOG=1" {
            break told;
        }
    };
    assert_eq!(last, "STOPPING=1");
    assert!(server.wait().unwrap().success());
    std::fs::remove_dir_all(dir).unwrap();
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
    assert!(lines(&output.stderr)[0].contains("'--sevre'"));
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
