//! The system that one run of tests or of the benchmark uses.

use std::path::PathBuf;

use crate::accounts::Accounts;
use crate::dist::{self, Artefacts};
use crate::failure::{Context, Result};
use crate::files;
use crate::layout::Layout;
use crate::lock::Lock;
use crate::parts_ctl::Parts;
use crate::ports::Ports;
use crate::postgres::Postgres;
use crate::server::{self, Profile, ServerSpec};
use crate::service::{Service, end_leftovers};
use crate::synapse::{Encryption, Synapse};
use crate::widget;

/// Each use of Postgres has a database of its own.
const DATABASES: [&str; 4] = ["tests", "openapi", "e2e", "schema"];

/// All visitors come from one address, so what one address may do is not limited.
const UNLIMITED: [(&str, &str); 3] = [
    ("SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR", "0"),
    ("SUPPORT_CHAT_SESSIONS_PER_HOUR", "0"),
    ("SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE", "0"),
];

/// Postgres and Synapse for one run of tests: fresh, on free ports, started when first asked for.
/// Fields end in the order they stand here.
pub(crate) struct TestStack {
    synapse: Option<Synapse>,
    postgres: Option<Postgres>,
    widget_built: bool,
    artefacts: Option<Artefacts>,
    layout: Layout,
    /// Where the processes that run are recorded.
    pub(crate) run_dir: PathBuf,
    pub(crate) ports: Ports,
    /// The accounts on the homeserver.
    pub(crate) accounts: Accounts,
    _only_one: Lock,
}

impl TestStack {
    /// Clears away what the last run left.
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        let only_one = Lock::take(
            &layout.dev.join("test.lock"),
            "another `cargo xtask test` runs in this checkout: wait for it or end it",
        )?;
        let dir = layout.test();
        let run_dir = dir.join("run");
        end_leftovers(&run_dir)?;
        files::remove_dir(&dir)?;
        files::create_private_dir(&dir)?;
        // The server embeds this directory: it must be there even where no widget is built.
        fs_err::create_dir_all(layout.root.join("dist/widget"))?;
        Ok(Self {
            synapse: None,
            postgres: None,
            widget_built: false,
            artefacts: None,
            layout: layout.clone(),
            run_dir,
            ports: Ports::free()?,
            accounts: Accounts::load_or_make(&dir.join("accounts.json"))?,
            _only_one: only_one,
        })
    }

    pub(crate) fn postgres(&mut self) -> Result<&mut Postgres> {
        let postgres = match self.postgres.take() {
            Some(postgres) => postgres,
            None => Postgres::start(
                &self.layout,
                &self.layout.test().join("postgres"),
                &self.run_dir,
                self.ports.postgres,
                &DATABASES,
            )?,
        };
        Ok(self.postgres.insert(postgres))
    }

    pub(crate) fn synapse(&mut self) -> Result<&mut Synapse> {
        let synapse = match self.synapse.take() {
            Some(synapse) => synapse,
            None => Synapse::start(
                &self.layout,
                &self.layout.test().join("synapse"),
                &self.run_dir,
                self.ports.homeserver,
                &self.accounts,
                Encryption::Off,
            )?,
        };
        Ok(self.synapse.insert(synapse))
    }

    /// The address of a database.
    pub(crate) fn database(&mut self, name: &str) -> Result<String> {
        Ok(self.postgres()?.url(name))
    }

    /// A server without a homeserver, which it has to serve the API without: messages wait.
    pub(crate) fn server_alone(&mut self) -> Result<Service> {
        let settings = [
            ("SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE", "0"),
            ("SUPPORT_CHAT_RELAY_GRACE", "1day"),
        ];
        // Nobody listens there.
        let homeserver_url = "http://127.0.0.1:1".to_owned();
        let database_url = self.database("openapi")?;
        self.serve(database_url, homeserver_url, "healthz", &settings)
    }

    /// A server with everything. It says all that it can, since a test reads that.
    pub(crate) fn server(&mut self) -> Result<Service> {
        let settings = [("RUST_LOG", "trace"), ("SUPPORT_CHAT_LOG_FORMAT", "json")];
        let homeserver_url = self.synapse()?.url();
        let database_url = self.database("e2e")?;
        self.serve(database_url, homeserver_url, "readyz", &settings)
    }

    fn serve(
        &self,
        database_url: String,
        homeserver_url: String,
        wait_for: &'static str,
        settings: &[(&str, &str)],
    ) -> Result<Service> {
        let spec = ServerSpec {
            program: &server::build(&self.layout)?,
            ports: self.ports,
            database_url,
            homeserver_url,
            accounts: &self.accounts,
            log: &self.layout.test().join(format!("server-{wait_for}.log")),
            run_dir: &self.run_dir,
            wait_for,
            settings: &[&UNLIMITED, settings].concat(),
        };
        server::start(&self.layout, &spec)
    }

    /// The parts that a test may kill.
    pub(crate) fn parts(&mut self) -> Result<Parts<'_>> {
        self.postgres()?;
        self.synapse()?;
        let parts = self.synapse.as_mut().zip(self.postgres.as_mut());
        let (synapse, postgres) = parts.context("a part did not start")?;
        Ok(Parts { synapse, postgres })
    }

    /// What `cargo xtask dist --debug` makes.
    pub(crate) fn artefacts(&mut self) -> Result<&Artefacts> {
        let made = if let Some(made) = self.artefacts.take() {
            made
        } else {
            self.widget()?;
            let package = widget::pack(&self.layout)?;
            let dir = self.layout.test().join("dist");
            dist::make(&self.layout, &dir, &package, Profile::Debug)?
        };
        Ok(self.artefacts.insert(made))
    }

    pub(crate) fn widget(&mut self) -> Result<()> {
        if !self.widget_built {
            widget::build(&self.layout)?;
            self.widget_built = true;
        }
        Ok(())
    }
}
