//! A pooler between the server and Postgres.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use server::startup::Application;
use sqlx::{ConnectOptions, PgPool};

use crate::{
    common::{TestApp, config, expect},
    operations::admin,
};

/// The pooler.
struct PgBouncer {
    process: Child,
    dir: PathBuf,
    pool: PgPool,
    port: u16,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl PgBouncer {
    /// Debian's `PgBouncer` in this mode, with the settings from docs/operations/runbook.md.
    async fn start(pool: &PgPool, mode: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let options = pool.connect_options();
        let dir = std::env::temp_dir().join(format!("pgbouncer-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&dir).unwrap();
        let settings = format!(
            "[databases]\n* = host={} port={} user={} password={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = 25\n",
            options.get_host(),
            options.get_port(),
            options.get_username(),
            options.to_url_lossy().password().unwrap_or_default(),
        );
        let file = dir.join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new("pgbouncer");
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap());
        command
            .env("PATH", path)
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It refuses to run as root.
        if std::env::var("USER").is_ok_and(|user| user == "root") || is_root() {
            command.args(["-u", "nobody"]);
        }
        let process = command
            .spawn()
            .expect("pgbouncer is installed (Debian: pgbouncer)");
        let bouncer = Self {
            process,
            dir,
            pool: pool.clone(),
            port,
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_err()
        {
            assert!(Instant::now() < deadline, "pgbouncer does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bouncer
    }

    fn url(&self) -> String {
        let options = (*self.pool.connect_options()).clone();
        let options = options.host("127.0.0.1").port(self.port);
        options.to_url_lossy().to_string()
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|itself| {
        use std::os::unix::fs::MetadataExt;
        itself.uid() == 0
    })
}

#[sqlx::test(migrations = "../migrations")]
async fn in_session_mode_everything_works(pool: PgPool) {
    let bouncer = PgBouncer::start(&pool, "session").await;
    let app = TestApp::spawn(config(&pool, &[("DATABASE_URL", &bouncer.url())])).await;
    let visitor = app.visitor("Hello").await;
    expect(visitor.send("more").await, 201).await;
    assert_eq!(visitor.messages(None).await.len(), 2);
    let readiness: serde_json::Value = admin(&app, "/readyz").await.json().await.unwrap();
    assert_eq!(readiness["notifications"], true, "{readiness}");
    assert_eq!(readiness["writes"], true, "{readiness}");
    app.stop().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn in_transaction_mode_the_server_does_not_start_and_says_why(pool: PgPool) {
    let bouncer = PgBouncer::start(&pool, "transaction").await;
    let refused = Application::build(config(&pool, &[("DATABASE_URL", &bouncer.url())])).await;
    let refused = refused.expect_err("it is refused").to_string();
    assert!(
        refused.starts_with("DATABASE_URL: ") && refused.contains("pooler in transaction mode"),
        "{refused}"
    );
}
