//! The composition root: builds every part of the server from the configuration, and starts it. [`Lifecycle`] says how
//! the parts run and end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Ambient,
    config::Config,
    due_notices, housekeeping,
    http::{
        self, Admin, AppState,
        listener::{self, Terms},
    },
    lifecycle::Lifecycle,
    mail::{Fetches, MailDigester, Mailing, worker::Mailer},
    matrix::{Homeserver, inviter::Inviter, sync::Syncer, visitor_signals},
    metrics::Metrics,
    poll_cache::{self, PollCache},
    relay::{handoff::Handoff, store::PostgresStore, worker},
    storage::{self, Shares, Unusable},
    support_chat::{self, Admission, Identities, PerMinute, SupportChat, ToRelay, Turnstile},
    systemd,
    visitor_signals::Signaller,
};

/// Why the server has not started, or has stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// Postgres cannot be used, or the schema cannot.
    #[error("DATABASE_URL: {0}")]
    Database(#[from] Unusable),
    /// An address cannot be listened on.
    #[error("{variable}: cannot listen on {address}: {error}")]
    Listen {
        /// The variable that gave the address.
        variable: &'static str,
        /// The address.
        address: SocketAddr,
        /// The operating system's reason.
        error: std::io::Error,
    },
    /// The metrics cannot be registered.
    #[error("the metrics cannot be made: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The operating system refuses something else, or a part of the server has failed.
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

    /// Serves and relays until `shutdown`, then finishes what is under way.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> Result<(), StartupError> {
        let shares = self.shares.clone();
        let mut lifecycle = Lifecycle::new(shutdown);
        self.start(&mut lifecycle)?;
        lifecycle.ready();
        lifecycle.drain(shares.close()).await?;
        Ok(())
    }

    /// Builds every part and starts it.
    fn start(self, lifecycle: &mut Lifecycle) -> Result<(), StartupError> {
        let Self {
            config,
            shares,
            public,
            admin,
        } = self;
        if config.hours.lack_holidays() {
            tracing::warn!(
                "SUPPORT_CHAT_HOURS names public holidays, and no country is known: set SUPPORT_CHAT_HOLIDAYS"
            );
        }
        tracing::info!(public = %public.local_addr()?, admin = %admin.local_addr()?, "serving");
        let metrics = Metrics::new()?;
        let homeserver =
            Homeserver::new(config.matrix.clone(), shares.relay.clone(), metrics.clone());
        let common = Common {
            homeserver: Arc::new(homeserver),
            poll_cache: PollCache::new(lifecycle.shutdown()),
            ambient: Ambient::system(),
            config,
            shares,
            metrics,
        };
        let to_relay = common.start_relay(lifecycle);
        common.start_sync(lifecycle);
        common.start_public(lifecycle, public, to_relay);
        common.start_upkeep(lifecycle);
        common.start_admin(lifecycle, admin);
        Ok(())
    }
}

/// What most parts are built from.
struct Common {
    config: Arc<Config>,
    shares: Shares,
    metrics: Metrics,
    homeserver: Arc<Homeserver>,
    poll_cache: PollCache,
    ambient: Ambient,
}

impl Common {
    fn session_ttl(&self) -> Duration {
        self.config.limits.session_ttl
    }

    /// Out: what visitors write and do goes to the rooms, and staff are brought into them.
    fn start_relay(&self, lifecycle: &mut Lifecycle) -> ToRelay {
        let store = Arc::new(PostgresStore::new(self.shares.clone(), self.session_ttl()));
        let inviter = Inviter::new(
            store.clone(),
            self.homeserver.clone(),
            self.metrics.clone(),
            self.ambient.clone(),
        );
        let heart = lifecycle.heart("inviter");
        lifecycle.start(inviter.clone().run(heart, lifecycle.shutdown()));
        let (handoff, handed_over) = Handoff::new();
        let parts = worker::Parts {
            store,
            heart: lifecycle.heart("outbox"),
            recorder_heart: lifecycle.heart("recorder"),
            homeserver: self.homeserver.clone(),
            metrics: self.metrics.clone(),
            inviter,
            ambient: self.ambient.clone(),
        };
        lifecycle.start(worker::run(parts, handed_over, lifecycle.shutdown()));
        let (signaller, of_visitors) = Signaller::new();
        lifecycle.start(visitor_signals::run(
            self.shares.relay.clone(),
            self.homeserver.clone(),
            self.metrics.clone(),
            of_visitors,
            lifecycle.heart("signals"),
            lifecycle.shutdown(),
        ));
        ToRelay {
            handoff,
            signaller,
            mailing: self.start_mail(lifecycle),
        }
    }

    /// Mails the replies that nobody fetches, if the operator has configured a mail server.
    fn start_mail(&self, lifecycle: &mut Lifecycle) -> Mailing {
        let config = &self.config;
        let mailing = Mailing {
            is_on: config.mail.is_some(),
            digester: MailDigester::new(config.matrix.credentials.secret().clone()),
            fetches: Fetches::new(config.mail.is_some()),
        };
        if let Some(mail) = config.mail.clone() {
            let mailer = Mailer::new(
                self.shares.relay.clone(),
                mail,
                self.session_ttl(),
                mailing.fetches.clone(),
                self.metrics.clone(),
                self.ambient.clone(),
            );
            let (mail_heart, fetched_heart) = (lifecycle.heart("mail"), lifecycle.heart("fetched"));
            lifecycle.start(mailer.run(mail_heart, fetched_heart, lifecycle.shutdown()));
        }
        mailing
    }

    /// Inward: `/sync` brings what staff write and do, and polls are notified.
    fn start_sync(&self, lifecycle: &mut Lifecycle) {
        let syncer = Syncer::new(
            &self.shares,
            lifecycle.heart("sync"),
            self.homeserver.clone(),
            self.metrics.clone(),
            self.poll_cache.clone(),
            &self.config,
            &self.ambient,
        );
        lifecycle.start(syncer.run(lifecycle.shutdown()));
        lifecycle.start(poll_cache::follow_changes(
            self.shares.clone(),
            self.poll_cache.clone(),
            lifecycle.heart("changes"),
            lifecycle.shutdown(),
        ));
        lifecycle.start(support_chat::record_presence(
            self.poll_cache.clone(),
            self.shares.relay.clone(),
            lifecycle.heart("presence"),
            lifecycle.shutdown(),
        ));
    }

    /// Visitors: the API and the pages, and what tidies up after them.
    fn start_public(&self, lifecycle: &mut Lifecycle, listener: TcpListener, to_relay: ToRelay) {
        let config = &self.config;
        let support_chat = SupportChat::new(
            self.shares.clone(),
            config.limits.clone(),
            Admission::new(config.matrix.credentials.secret(), &config.limits),
            config.turnstile.clone().map(Turnstile::new),
            self.poll_cache.clone(),
            to_relay,
            self.metrics.clone(),
        )
        .with_identities(Identities::new(
            config.identity_keys.clone(),
            config.matrix.credentials.secret().clone(),
        ));
        let requests = Arc::new(PerMinute::new(config.limits.requests_per_ip_per_minute));
        let state = AppState::from(http::Shared {
            support_chat: support_chat.clone(),
            config: config.clone(),
            requests: requests.clone(),
            metrics: self.metrics.clone(),
        });
        let service = http::public_service(&state);
        let terms = Terms::public(&config.http);
        lifecycle.start(listener::serve(
            listener,
            service,
            terms,
            lifecycle.shutdown(),
        ));
        lifecycle.start(housekeeping::run(
            support_chat,
            requests,
            self.shares.relay.clone(),
            lifecycle.heart("housekeeping"),
            lifecycle.shutdown(),
        ));
    }

    /// The tasks that run periodically.
    fn start_upkeep(&self, lifecycle: &mut Lifecycle) {
        lifecycle.start(self.shares.gate.clone().watch(
            self.shares.probes.clone(),
            self.shares.reads.clone(),
            lifecycle.heart("commits"),
            lifecycle.shutdown(),
        ));
        lifecycle.start(due_notices::run(
            self.shares.relay.clone(),
            self.session_ttl(),
            lifecycle.heart("announcements"),
            lifecycle.shutdown(),
        ));
    }

    /// Operators: health, readiness and metrics.
    fn start_admin(&self, lifecycle: &mut Lifecycle, listener: TcpListener) {
        let router = http::admin_router(Admin {
            shares: self.shares.clone(),
            poll_cache: self.poll_cache.clone(),
            hearts: lifecycle.hearts(),
            metrics: self.metrics.clone(),
            session_ttl: self.session_ttl(),
            canary_page: self.config.matrix.canary_page(),
        });
        let terms = Terms::admin();
        lifecycle.start(listener::serve(
            listener,
            router,
            terms,
            lifecycle.shutdown(),
        ));
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
