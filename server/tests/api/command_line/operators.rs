//! What the commands of operators print, and their exit status.

use super::*;
use crate::common::{TestApp, config};

#[test]
fn the_configuration_is_printed_without_secrets() {
    let file = std::env::temp_dir().join(format!("secret-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, "smtp://user:secret-mail@mail.example.com").unwrap();
    let path = file.to_str().unwrap();
    let vars = [
        ("SUPPORT_CHAT_SMTP_URL_FILE", path),
        ("SUPPORT_CHAT_MAIL_FROM", "support@example.com"),
        ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.com"),
    ];
    let output = run(&["config", "print"], &vars);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = lines(&output.stdout);
    for line in [
        "DATABASE_URL=(hidden)",
        "MATRIX_SUPPORT_BOT_PASSWORD=(hidden)",
        "MATRIX_HOMESERVER_URL=http://127.0.0.1:8008",
        "# SUPPORT_CHAT_RETENTION is not given",
        &format!("SUPPORT_CHAT_SMTP_URL_FILE={path}"),
    ] {
        assert!(printed.iter().any(|it| it == line), "{line}: {printed:#?}");
    }
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(
        !said.contains("-password") && !said.contains("secret-mail"),
        "{said}"
    );
    // Each secret can be a file.
    let output = run(&["--check-config"], &vars);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::fs::remove_file(file).unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn the_health_is_asked_for_without_the_rest_of_the_configuration(pool: PgPool) {
    let app = TestApp::spawn(config(&pool, &[])).await;
    let ask = async |arguments: &'static [&'static str], address: String| {
        let none = ["DATABASE_URL", "MATRIX_SUPPORT_BOT_PASSWORD"].map(|name| (name, ""));
        let asked = tokio::task::spawn_blocking(move || {
            let listen = ("SUPPORT_CHAT_ADMIN_LISTEN", address.as_str());
            run(arguments, &[none[0], none[1], listen])
        });
        asked.await.unwrap()
    };
    let admin = app.admin_address;
    let every = format!("0.0.0.0:{}", admin.port());
    for address in [admin.to_string(), every] {
        let alive = ask(&["healthcheck"], address).await;
        assert_eq!(alive.status.code(), Some(0), "{alive:?}");
    }
    // There is no homeserver.
    let ready = ask(&["healthcheck", "--ready"], admin.to_string()).await;
    assert_eq!(ready.status.code(), Some(1), "{ready:?}");
    assert!(
        lines(&ready.stdout)[0].contains("\"matrixSync\":false"),
        "{ready:?}"
    );
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    loop {
        let arguments = &["healthcheck", "--ready", "--exclude", "matrixSync"];
        if ask(arguments, admin.to_string()).await.status.success() {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the server does not become ready"
        );
    }
    app.stop().await;
    let gone = ask(&["healthcheck"], admin.to_string()).await;
    assert_eq!(gone.status.code(), Some(1), "{gone:?}");
    assert!(
        lines(&gone.stderr)[0].contains("no server listens"),
        "{gone:?}"
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_is_all_that_is_on_standard_output(pool: PgPool) {
    sqlx::query(
        "INSERT INTO sessions (id, visitor_email) VALUES (gen_random_uuid(), 'a@example.com')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let url = url(&pool, |options| options);
    let vars = [("DATABASE_URL", url.as_str()), ("RUST_LOG", "debug")];
    let output = run(&["visitor", "export", "--email", "a@example.com"], &vars);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["conversations"][0]["email"], "a@example.com");
    let nobody = run(&["visitor", "erase", "--session", "K7F2"], &vars);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(nobody.stdout.is_empty(), "{nobody:?}");
    let usage = run(&["visitor", "erase"], &vars);
    assert_eq!(usage.status.code(), Some(2), "whose is not said");
}

#[sqlx::test(migrations = false)]
async fn what_migrating_would_do_is_said_before_it_is_done(pool: PgPool) {
    let url = url(&pool, |options| options);
    let vars = [("DATABASE_URL", url.as_str())];
    let output = run(&["migrate", "--plan"], &vars);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let plan = lines(&output.stdout);
    assert_eq!(plan[0], "0001 support chat");
    assert!(
        plan.iter()
            .any(|line| line.contains("ALTER TABLE sessions: ACCESS EXCLUSIVE")),
        "{plan:#?}"
    );
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let count: i64 = sqlx::query_scalar(tables).fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0, "nothing was changed");
    // Commands that need the schema say that it is missing.
    let without = run(&["sessions", "list"], &vars);
    assert_eq!(without.status.code(), Some(1));
    assert!(
        lines(&without.stderr)[0].contains("matrix-support-chat migrate"),
        "{without:?}"
    );
    assert!(run(&["migrate"], &vars).status.success());
    let output = run(&["migrate", "--plan"], &vars);
    assert!(
        lines(&output.stdout)[0].contains("nothing would be done"),
        "{output:?}"
    );
}
