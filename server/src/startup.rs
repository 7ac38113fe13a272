//! The composition root: what is built from what, started, and stopped.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use crate::{
    announcements,
    clock::Ambient,
    config::Config,
    heartbeat::Heartbeats,
    housekeeping,
    http::{
        self, Admin, AppState,
        listener::{self, Terms},
    },
    mail::{Fetches, MailDigester, Mailing, worker::Mailer},
    matrix::{Homeserver, inviter::Inviter, sync::Syncer, visitor_signals},
    metrics::Metrics,
    poll_cache::{self, PollCache},
    relay::{handoff::Handoff, store::PostgresStore, worker},
    storage::{self, Shares, Unusable},
    support_chat::{self, Admission, PerMinute, SupportChat, ToRelay, Turnstile},
    systemd,
    visitor_signals::Signaller,
};

/// How long requests and sends that are under way may take once the server is told to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);

const POOL_CLOSES: Duration = Duration::from_secs(2);

/// Why the server does not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// Postgres, or the schema.
    #[error("DATABASE_URL: {0}")]
    Database(#[from] Unusable),
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
    shares: Shares,
    public: TcpListener,
    admin: TcpListener,
}

impl Application {
    /// Migrates the database and takes the addresses.
    pub async fn build(config: Config) -> Result<Self, StartupError> {
        let shares = prepare(&config).await?;
        let public = listen("SUPPORT_CHAT_LISTEN", config.http.listen).await?;
        let admin = listen("SUPPORT_CHAT_ADMIN_LISTEN", config.http.admin_listen).await?;
        Ok(Self {
            config: Arc::new(config),
            shares,
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
    #[expect(
        clippy::too_many_lines,
        reason = "the composition root names every part once"
    )]
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> Result<(), StartupError> {
        let (config, shares) = (self.config, self.shares);
        let (public, admin) = (self.public, self.admin);
        let ttl = config.limits.session_ttl;
        let metrics = Metrics::new()?;
        let hearts = Heartbeats::default();
        let ambient = Ambient::system();
        let homeserver = Arc::new(Homeserver::new(
            config.matrix.clone(),
            shares.relay.clone(),
            metrics.clone(),
        ));
        let admission = Admission::new(config.matrix.credentials.secret(), &config.limits);
        let turnstile = config.turnstile.clone().map(Turnstile::new);
        let poll_cache = PollCache::new(shutdown.clone());
        let (handoff, handed_over) = Handoff::new();
        let (signaller, of_visitors) = Signaller::new();
        let mailing = Mailing {
            is_on: config.mail.is_some(),
            digester: MailDigester::new(config.matrix.credentials.secret().clone()),
            fetches: Fetches::new(config.mail.is_some()),
        };
        let fetches = mailing.fetches.clone();
        let support_chat = SupportChat::new(
            shares.clone(),
            config.limits.clone(),
            admission,
            turnstile,
            poll_cache.clone(),
            ToRelay {
                handoff,
                signaller,
                mailing,
            },
            metrics.clone(),
        );
        let requests = Arc::new(PerMinute::new(config.limits.requests_per_ip_per_minute));
        let housekept = support_chat.clone();
        let state = AppState::from(http::Shared {
            support_chat,
            config,
            requests: requests.clone(),
            metrics: metrics.clone(),
        });
        if state.config.hours.lack_holidays() {
            tracing::warn!(
                "SUPPORT_CHAT_HOURS names public holidays, and no country is known: set SUPPORT_CHAT_HOLIDAYS"
            );
        }
        tracing::info!(public = %public.local_addr()?, admin = %admin.local_addr()?, "serving");

        let mut parts = Parts::default();
        let syncer = Syncer::new(
            &shares,
            hearts.heart("sync"),
            homeserver.clone(),
            metrics.clone(),
            poll_cache.clone(),
            &state.config,
            &ambient,
        );
        parts.start(syncer.run(shutdown.clone()));
        let store = Arc::new(PostgresStore::new(shares.clone(), ttl));
        let inviter = Inviter::new(
            store.clone(),
            homeserver.clone(),
            metrics.clone(),
            ambient.clone(),
        );
        let inviting = inviter.clone();
        parts.start(inviting.run(hearts.heart("inviter"), shutdown.clone()));
        parts.start(visitor_signals::run(
            shares.relay.clone(),
            homeserver.clone(),
            metrics.clone(),
            of_visitors,
            hearts.heart("signals"),
            shutdown.clone(),
        ));
        if let Some(mail) = state.config.mail.clone() {
            let db = shares.relay.clone();
            let ambient = ambient.clone();
            let mailer = Mailer::new(db, mail, ttl, fetches, metrics.clone(), ambient);
            let hearts = (hearts.heart("mail"), hearts.heart("fetched"));
            parts.start(mailer.run(hearts.0, hearts.1, shutdown.clone()));
        }
        let relay = worker::Parts {
            store,
            heart: hearts.heart("outbox"),
            recorder_heart: hearts.heart("recorder"),
            homeserver,
            metrics: metrics.clone(),
            inviter,
            ambient,
        };
        parts.start(worker::run(relay, handed_over, shutdown.clone()));
        parts.start(poll_cache::follow_changes(
            shares.clone(),
            poll_cache.clone(),
            hearts.heart("changes"),
            shutdown.clone(),
        ));
        parts.start(support_chat::record_presence(
            poll_cache.clone(),
            shares.relay.clone(),
            hearts.heart("presence"),
            shutdown.clone(),
        ));
        let service = http::public_service(&state);
        let terms = Terms::public(&state.config.http);
        parts.start(listener::serve(public, service, terms, shutdown.clone()));
        parts.start(shares.gate.clone().watch(
            shares.probes.clone(),
            shares.reads.clone(),
            hearts.heart("commits"),
            shutdown.clone(),
        ));
        parts.start(housekeeping::run(
            housekept,
            requests,
            shares.relay.clone(),
            hearts.heart("housekeeping"),
            shutdown.clone(),
        ));
        parts.start_announcements(&shares, ttl, &hearts, &shutdown);
        parts.start(systemd::watchdog(hearts.clone(), shutdown.clone()));
        let router = http::admin_router(Admin {
            shares: shares.clone(),
            poll_cache,
            hearts,
            metrics,
            session_ttl: ttl,
            canary_page: state.config.matrix.canary_page(),
        });
        let terms = Terms::admin();
        parts.start(listener::serve(admin, router, terms, shutdown.clone()));
        systemd::ready();

        parts.until_stopped(&shutdown, &shares).await
    }
}

/// What runs side by side, each until the server is told to stop.
#[derive(Debug, Default)]
struct Parts(JoinSet<Result<(), StartupError>>);

impl Parts {
    fn start(&mut self, part: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(async move {
            part.await;
            Ok(())
        });
    }

    fn start_announcements(
        &mut self,
        shares: &Shares,
        session_ttl: Duration,
        hearts: &Heartbeats,
        shutdown: &CancellationToken,
    ) {
        let heart = hearts.heart("announcements");
        let db = shares.relay.clone();
        self.start(announcements::run(db, session_ttl, heart, shutdown.clone()));
    }

    /// Waits for the end, and then for what is under way.
    async fn until_stopped(
        mut self,
        shutdown: &CancellationToken,
        shares: &Shares,
    ) -> Result<(), StartupError> {
        // The first part to end ends all: none of them ends by itself but through a fault.
        let first = self.0.join_next().await;
        shutdown.cancel();
        systemd::stopping();
        let rest = async { while self.0.join_next().await.is_some() {} };
        if time::timeout(SHUTDOWN_GRACE, rest).await.is_err() {
            tracing::warn!("what was still under way is cut off");
            self.0.shutdown().await;
        }
        // It would wait for a connection that does not come back.
        let _ = time::timeout(POOL_CLOSES, shares.close()).await;
        tracing::info!("stopped");
        match first {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(std::io::Error::other(error).into()),
            None => Ok(()),
        }
    }
}

/// Makes sure that the database can be used, and brings it up to date.
pub async fn prepare(config: &Config) -> Result<Shares, StartupError> {
    systemd::extend_start(storage::PREPARED);
    let shares = Shares::new(&config.database);
    storage::prepare(&shares.lines).await?;
    Ok(shares)
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
