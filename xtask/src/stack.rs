//! The system, Postgres, Synapse and the server, for development or for one run of tests or of the benchmark.

use rustix::process::Signal;

use crate::accounts::{self, Accounts};
use crate::dist::{self, Artefacts};
use crate::homeserver::answers_ok;
use crate::lock::Lock;
use crate::parts_control::Parts;
use crate::ports::Ports;
use crate::postgres::Postgres;
use crate::prelude::*;
use crate::server::{self, Profile};
use crate::service::{Service, end_leftovers};
use crate::synapse::{Encryption, Synapse};
use crate::widget;

/// Each use of Postgres has a database of its own.
const DATABASES: [&str; 4] = ["tests", "openapi", "e2e", "schema"];

/// All visitors come from one address, so the limits per address are off.
pub(crate) const UNLIMITED: [(&str, &str); 3] = [
    ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
    ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
    ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
];

/// A system whose parts are started when they are first needed. Fields are dropped in this order.
pub(crate) struct Stack {
    synapse: Option<Synapse>,
    postgres: Option<Postgres>,
    widget_built: bool,
    artefacts: Option<Artefacts>,
    layout: Layout,
    /// The directory of the parts' data.
    dir: PathBuf,
    /// The directory with the records of running processes.
    pub(crate) run_dir: PathBuf,
    pub(crate) ports: Ports,
    databases: &'static [&'static str],
    /// The accounts on the homeserver.
    pub(crate) accounts: Accounts,
    _only_one: Lock,
}

impl Stack {
    /// The system of `cargo xtask up`, with the data of the last run.
    pub(crate) fn for_development(layout: &Layout, ports: Ports) -> Result<Self> {
        let taken = "`cargo xtask up` runs already in this checkout: end it with Ctrl-C first";
        let only_one = Lock::take(&layout.dev.join("up.lock"), taken)?;
        end_leftovers(&layout.dev.join("run"))?;
        ports.check()?;
        Self::open(
            layout,
            layout.dev.clone(),
            ports,
            &["support_chat"],
            only_one,
        )
    }

    /// A fresh system on free ports; removes the data of the last run.
    pub(crate) fn for_tests(layout: &Layout) -> Result<Self> {
        let taken = "another `cargo xtask test` runs in this checkout: wait for it or end it";
        let only_one = Lock::take(&layout.dev.join("test.lock"), taken)?;
        let dir = layout.test();
        end_leftovers(&dir.join("run"))?;
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        Self::open(layout, dir, Ports::free()?, &DATABASES, only_one)
    }

    fn open(
        layout: &Layout,
        dir: PathBuf,
        ports: Ports,
        databases: &'static [&'static str],
        only_one: Lock,
    ) -> Result<Self> {
        // The server embeds this directory, so it must exist even if no widget is built.
        fs_err::create_dir_all(layout.root.join("dist/widget"))?;
        Ok(Self {
            synapse: None,
            postgres: None,
            widget_built: false,
            artefacts: None,
            layout: layout.clone(),
            accounts: Accounts::load_or_make(&dir.join("accounts.json"))?,
            run_dir: dir.join("run"),
            dir,
            ports,
            databases,
            _only_one: only_one,
        })
    }

    pub(crate) fn postgres(&mut self) -> Result<&mut Postgres> {
        if self.postgres.is_none() {
            let (dir, port) = (self.dir.join("postgres"), self.ports.postgres);
            let postgres = Postgres::start(&self.layout, &dir, &self.run_dir, port, self.databases);
            self.postgres = Some(postgres?);
        }
        self.postgres.as_mut().context("Postgres did not start")
    }

    pub(crate) fn synapse(&mut self) -> Result<&mut Synapse> {
        if self.synapse.is_none() {
            let dir = self.dir.join("synapse");
            let synapse = self.start_synapse(&dir, self.ports.homeserver, Encryption::Off)?;
            self.synapse = Some(synapse);
        }
        self.synapse.as_mut().context("Synapse did not start")
    }

    /// The other Synapse, which encrypts. No other website is served meanwhile, so its port is
    /// free.
    pub(crate) fn encrypting_synapse(&self) -> Result<Synapse> {
        let dir = self.dir.join("synapse-encrypting");
        self.start_synapse(&dir, self.ports.host, Encryption::Invite)
    }

    fn start_synapse(&self, dir: &Path, port: u16, encryption: Encryption) -> Result<Synapse> {
        let (layout, accounts) = (&self.layout, &self.accounts);
        Synapse::start(layout, dir, &self.run_dir, port, accounts, encryption)
    }

    /// The address of a database.
    pub(crate) fn database(&mut self, name: &str) -> Result<String> {
        Ok(self.postgres()?.url(name))
    }

    /// A server without a homeserver, which serves the API while messages are queued.
    pub(crate) fn server_alone(&mut self) -> Result<Service> {
        let settings = [
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_RELAY_GRACE", "1day"),
            // Nobody listens at this address either, but the port is taken.
            ("SUPPORT_CHAT_SMTP_URL", "smtp://127.0.0.1:1"),
            ("SUPPORT_CHAT_MAIL_FROM", "support@example.org"),
            ("SUPPORT_CHAT_PUBLIC_URL", "https://chat.example.org"),
        ];
        // Nobody listens at this address.
        let homeserver_url = "http://127.0.0.1:1".to_owned();
        let database_url = self.database("openapi")?;
        let settings = [&UNLIMITED, &settings[..]].concat();
        self.serve(database_url, homeserver_url, "healthz", &settings)
    }

    /// A server with all parts.
    pub(crate) fn server(&mut self, database: &str, settings: &[(&str, &str)]) -> Result<Service> {
        let homeserver_url = self.synapse()?.url.clone();
        let database_url = self.database(database)?;
        self.serve(database_url, homeserver_url, "readyz", settings)
    }

    /// Runs the server and waits until the page `wait_for` of its admin listener says that it is ready. Variables that
    /// are not set here are passed on, so `SUPPORT_CHAT_SESSION_TTL=1m cargo xtask up` works.
    fn serve(
        &self,
        database_url: String,
        homeserver_url: String,
        wait_for: &str,
        settings: &[(&str, &str)],
    ) -> Result<Service> {
        let Ports { page, .. } = self.ports;
        let mut server = command(server::build(&self.layout)?);
        server
            .current_dir(&self.layout.root)
            .envs(self.environment(database_url, homeserver_url))
            .envs(settings.iter().copied());
        // These variables may be meant for another server, and would contradict those above.
        for other in [
            "DATABASE_URL_FILE",
            "MATRIX_SUPPORT_BOT_PASSWORD_FILE",
            "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
            "MATRIX_SUPPORT_BOT_ACCESS_TOKEN_FILE",
        ] {
            server.env_remove(other);
        }
        step(format_args!("server on port {page}"), || {
            let log = self.layout.logs().join("server.log");
            let page = format!("{}/{wait_for}", server::admin_url(self.ports));
            let is_ready = move |_| answers_ok(&page);
            Service::start("server", server, log, &self.run_dir, Signal::TERM, is_ready)
        })
    }

    /// The variables of a server of this system.
    pub(crate) fn environment(
        &self,
        database_url: String,
        homeserver_url: String,
    ) -> Vec<(&'static str, String)> {
        let Ports {
            page, host, admin, ..
        } = self.ports;
        let origins =
            [page, host].map(|port| format!("http://localhost:{port},http://127.0.0.1:{port}"));
        let password = self.accounts.password(accounts::BOT).to_owned();
        let staff = accounts::STAFF.map(accounts::mxid).join(",");
        vec![
            ("DATABASE_URL", database_url),
            ("MATRIX_HOMESERVER_URL", homeserver_url),
            ("MATRIX_SUPPORT_BOT_MXID", accounts::mxid(accounts::BOT)),
            ("MATRIX_SUPPORT_BOT_PASSWORD", password),
            ("MATRIX_SUPPORT_STAFF_MXIDS", staff),
            ("SUPPORT_CHAT_LISTEN", format!("127.0.0.1:{page}")),
            ("SUPPORT_CHAT_ADMIN_LISTEN", format!("127.0.0.1:{admin}")),
            ("SUPPORT_CHAT_ALLOWED_ORIGINS", origins.join(",")),
        ]
    }

    /// The parts that a test may stop.
    pub(crate) fn parts(&mut self) -> Result<Parts<'_>> {
        self.postgres()?;
        self.synapse()?;
        // No pooler runs meanwhile.
        let standby_port = self.ports.pooler;
        let parts = self.synapse.as_mut().zip(self.postgres.as_mut());
        let (synapse, postgres) = parts.context("a part did not start")?;
        Ok(Parts {
            synapse,
            postgres,
            standby_port,
        })
    }

    /// The artefacts of `cargo xtask dist --debug`.
    pub(crate) fn artefacts(&mut self) -> Result<&Artefacts> {
        if self.artefacts.is_none() {
            self.widget()?;
            let package = widget::pack(&self.layout)?;
            let dir = self.layout.test().join("dist");
            let made = dist::make(&self.layout, &dir, &package, Profile::Debug)?;
            self.artefacts = Some(made);
        }
        self.artefacts.as_ref().context("nothing was made")
    }

    pub(crate) fn widget(&mut self) -> Result<()> {
        if !self.widget_built {
            widget::build(&self.layout)?;
            self.widget_built = true;
        }
        Ok(())
    }
}
