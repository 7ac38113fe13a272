//! The composition root: what is built from what, started, and stopped.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{ServiceExt, extract::Request};
use sqlx::{PgPool, migrate::MigrateError};
use tokio::{net::TcpListener, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    handoff::Handoff,
    housekeeping,
    http::{self, AppState},
    matrix::{Homeserver, outbox, sync::Syncer},
    metrics::Metrics,
    storage,
    support_chat::{self, Admission, Heads, PerMinute, SupportChat, Turnstile},
};

/// How long requests and sends that are under way may take once the server is told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);

const POOL_CLOSES: Duration = Duration::from_secs(2);

/// Why the server does not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// Postgres.
    #[error("DATABASE_URL: the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema.
    #[error("DATABASE_URL: the database cannot be migrated: {0}")]
    Migration(#[from] MigrateError),
    /// A listener.
    #[error("{variable}: cannot listen on {address}: {error}")]
    Listen {
        /// The variable that gave the address.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// What is counted.
    #[error("the metrics cannot be made: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Signals, or a listener that broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The server, listening, and not serving yet.
#[derive(Debug)]
pub struct Application {
    config: Arc<Config>,
    pool: PgPool,
    public: TcpListener,
    admin: TcpListener,
}

impl Application {
    /// Migrates the database and takes the addresses.
    pub async fn build(config: Config) -> Result<Self, StartupError> {
        let pool = migrate(&config).await?;
        let public = listen("SUPPORT_CHAT_LISTEN", config.http.listen).await?;
        let admin = listen("SUPPORT_CHAT_ADMIN_LISTEN", config.http.admin_listen).await?;
        Ok(Self {
            config: Arc::new(config),
            pool,
            public,
            admin,
        })
    }

    /// The public listener's address.
    pub fn public_address(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// The admin listener's address.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves and relays until `shutdown`; then finishes what is under way.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> Result<(), StartupError> {
        let Self {
            config,
            pool,
            public,
            admin,
        } = self;
        let ttl = config.limits.session_ttl;
        let metrics = Metrics::new()?;
        let homeserver = Arc::new(Homeserver::new(
            config.matrix.clone(),
            pool.clone(),
            metrics.clone(),
        ));
        let admission = Admission::new(config.matrix.credentials.secret(), &config.limits);
        let turnstile = config.turnstile.clone().map(Turnstile::new);
        let heads = Heads::new(shutdown.clone());
        let (handoff, handed_over) = Handoff::new();
        let support_chat = SupportChat::new(
            pool.clone(),
            config.limits.clone(),
            admission,
            turnstile,
            heads.clone(),
            handoff,
            metrics.clone(),
        );
        let requests = Arc::new(PerMinute::new(config.limits.requests_per_ip_per_minute));
        let (housekept, shutdown_housekeeping) = (support_chat.clone(), shutdown.clone());
        let state = AppState::from(http::Shared {
            support_chat,
            config,
            requests: requests.clone(),
            metrics: metrics.clone(),
        });
        tracing::info!(public = %public.local_addr()?, admin = %admin.local_addr()?, "serving");

        let mut parts: JoinSet<Result<(), StartupError>> = JoinSet::new();
        let syncer = Syncer::new(
            pool.clone(),
            homeserver.clone(),
            metrics.clone(),
            heads.clone(),
            ttl,
        );
        let (stop_sync, stop_outbox) = (shutdown.clone(), shutdown.clone());
        parts.spawn(async move {
            syncer.run(stop_sync).await;
            Ok(())
        });
        let (outbox_pool, outbox_metrics) = (pool.clone(), metrics.clone());
        parts.spawn(async move {
            outbox::run(
                outbox_pool,
                homeserver,
                outbox_metrics,
                handed_over,
                stop_outbox,
            )
            .await;
            Ok(())
        });
        let follow = support_chat::follow_changes(pool.clone(), heads, shutdown.clone());
        parts.spawn(async move {
            follow.await;
            Ok(())
        });
        let service = http::public_service(&state);
        let service =
            ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
        let stop = shutdown.clone().cancelled_owned();
        let serve = axum::serve(public, service).with_graceful_shutdown(stop);
        parts.spawn(async move { Ok(serve.await?) });
        let router = http::admin_router(pool.clone(), metrics);
        let stop = shutdown.clone().cancelled_owned();
        let serve = axum::serve(admin, router).with_graceful_shutdown(stop);
        parts.spawn(async move { Ok(serve.await?) });
        parts.spawn(async move {
            housekeeping::run(housekept, requests, shutdown_housekeeping).await;
            Ok(())
        });

        // The first part to end ends all: none of them ends by itself but through a fault.
        let first = parts.join_next().await;
        shutdown.cancel();
        let rest = async { while parts.join_next().await.is_some() {} };
        if time::timeout(SHUTDOWN_GRACE, rest).await.is_err() {
            tracing::warn!("what was still under way is cut off");
            parts.shutdown().await;
        }
        // It would wait for ever for a connection that does not come back.
        let _ = time::timeout(POOL_CLOSES, pool.close()).await;
        tracing::info!("stopped");
        match first {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(std::io::Error::other(error).into()),
            None => Ok(()),
        }
    }
}

/// Brings the database up to date.
pub async fn migrate(config: &Config) -> Result<PgPool, StartupError> {
    let pool = storage::pool(&config.database)?;
    storage::migrate(&pool).await?;
    Ok(pool)
}

async fn listen(variable: &'static str, address: SocketAddr) -> Result<TcpListener, StartupError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartupError::Listen {
            variable,
            address,
            error,
        })
}
