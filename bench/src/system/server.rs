//! The server's process, and its databases.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    process::{Child, Command},
    time,
};

use crate::{Result, Setup, load::until, system::matrix::Matrix, system::processes};

/// The channel on which servers notify each other of conversations that change.
pub(crate) const CHANGES_CHANNEL: &str = "support_chat_changes";

/// A separate database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) url: String,
    /// As many connections as the server has.
    pub(crate) pool: PgPool,
}

impl Database {
    /// Makes an empty database.
    pub(crate) async fn make(setup: &Setup, name: &str) -> Result<Self> {
        administer(setup, &format!("CREATE DATABASE \"{name}\"")).await?;
        let (base, _) = setup
            .database_url
            .rsplit_once('/')
            .ok_or("DATABASE_URL names no database")?;
        let url = format!("{base}/{name}");
        let pool = PgPoolOptions::new()
            .max_connections(20)
            .connect_lazy(&url)?;
        Ok(Self { url, pool })
    }

    /// Listens for conversations that change, like another server.
    pub(crate) async fn changes(&self) -> Result<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANGES_CHANNEL).await?;
        Ok(listener)
    }

    /// Drops the database.
    pub(crate) async fn drop(self, setup: &Setup) -> Result<()> {
        self.pool.close().await;
        let (_, name) = self.url.rsplit_once('/').ok_or("no name")?;
        administer(setup, &format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await
    }
}

async fn administer(setup: &Setup, statement: &str) -> Result<()> {
    let mut elsewhere = PgConnection::connect(&setup.database_url).await?;
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(&mut elsewhere)
        .await?;
    elsewhere.close().await?;
    Ok(())
}

/// A running server, which is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin_address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(crate) started_within: Duration,
}

impl Server {
    /// Starts the server without limits on visitors, and waits for its first answer. Without a bot that is logged in it
    /// has no homeserver.
    pub(crate) async fn start(
        setup: &Setup,
        database: &Database,
        bot: Option<&Matrix>,
    ) -> Result<Self> {
        Self::start_with(setup, database, bot, &[]).await
    }

    /// The same with these additional variables.
    pub(crate) async fn start_with(
        setup: &Setup,
        database: &Database,
        bot: Option<&Matrix>,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let [public, admin] = setup
            .ports
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        fs::create_dir_all(&setup.output)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(setup.output.join("server.log"))?;
        let (homeserver, mxid, token) = match bot {
            Some(bot) => (&*setup.homeserver_url, &bot.mxid, bot.token()),
            None => ("http://127.0.0.1:1", &setup.bot.mxid, "none"),
        };
        let started = Instant::now();
        let child = Command::new(&setup.program)
            .env("DATABASE_URL", &database.url)
            .env("MATRIX_HOMESERVER_URL", homeserver)
            .env("MATRIX_SUPPORT_BOT_MXID", mxid)
            .env("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", token)
            .env("MATRIX_SUPPORT_STAFF_MXIDS", &setup.staff.mxid)
            // This measures the relay.
            .env("MATRIX_SUPPORT_DESK", "off")
            .env("SUPPORT_CHAT_LISTEN", public.to_string())
            .env("SUPPORT_CHAT_ADMIN_LISTEN", admin.to_string())
            .env("SUPPORT_CHAT_ALLOWED_ORIGINS", "http://localhost")
            .env("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0")
            .env("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0")
            .env("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0")
            .env("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0")
            .envs(variables.iter().copied())
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut server = Self {
            child,
            address: public,
            admin_address: admin,
            started_within: Duration::ZERO,
        };
        let url = format!("http://{public}/v1/support-chat/sessions/x/messages");
        // Any answer will do: this one is a 401, after the configuration, the migration and the rest.
        while reqwest::get(&url).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended ({status}): see its log").into());
            }
            if started.elapsed() > Duration::from_mins(1) {
                return Err("the server did not answer within a minute".into());
            }
            time::sleep(Duration::from_millis(2)).await;
        }
        server.started_within = started.elapsed();
        Ok(server)
    }

    /// Kills the server.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Waits until the server is ready.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<()> {
        let url = format!("http://{}/readyz", self.admin_address);
        until(patience, "the server to be ready", async || {
            let status = reqwest::get(&url).await?.status();
            Ok(status.is_success().then_some(()))
        })
        .await
    }

    /// The server's memory, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        processes::resident_mib(self.pid()?)
    }

    /// The server's largest memory since its start, in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        processes::peak_mib(self.pid()?)
    }

    /// The server's processor time so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        processes::own(self.pid()?)
    }

    fn pid(&self) -> Result<u32> {
        Ok(self.child.id().ok_or("the server has ended")?)
    }
}
