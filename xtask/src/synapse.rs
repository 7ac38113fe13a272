//! A private Synapse, and its accounts.

use matrix_client::request::{self, admin};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::accounts::{ADMIN, Accounts, BOT, SERVER_NAME, STAFF, mxid};
use crate::homeserver::{Client, answers_ok};
use crate::prelude::*;
use crate::python;
use crate::service::Service;

/// The file of the database.
const DATABASE: &str = "homeserver.db";

/// Which rooms the homeserver encrypts by default.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encryption {
    /// It encrypts none.
    Off,
    /// It encrypts rooms with invitations.
    Invite,
}

/// The directory of Synapse's programs, from `PyPI`.
pub(crate) fn programs(layout: &Layout) -> Result<PathBuf> {
    let requirements = include_str!("../synapse-requirements.txt");
    python::programs(layout, "synapse", requirements)
}

/// A Synapse, which ends when it is dropped.
pub(crate) struct Synapse {
    bin: PathBuf,
    dir: PathBuf,
    pub(crate) url: String,
    /// The secret for registering accounts.
    pub(crate) registration_secret: String,
    pub(crate) service: Service,
}

impl Synapse {
    /// Starts the Synapse in `dir`. It and its accounts are made first if they do not exist.
    pub(crate) fn start(
        layout: &Layout,
        dir: &Path,
        run_dir: &Path,
        port: u16,
        accounts: &Accounts,
        encryption: Encryption,
    ) -> Result<Self> {
        let bin = programs(layout)?;
        files::create_private_dir(dir)?;
        let key = dir.join("signing.key");
        if !key.exists() {
            let mut generate = command(bin.join("generate_signing_key"));
            generate.arg("-o").arg(key);
            run_logged(generate, "making Synapse's key", &dir.join("key.log"))?;
        }
        let registration_secret = files::kept_secret(&dir.join("registration-secret"))?;
        let config = configuration(dir, port, &registration_secret, encryption);
        files::write_private(&dir.join("homeserver.json"), &config.to_string())?;
        let mut program = command(bin.join("python"));
        program
            .args(["-m", "synapse.app.homeserver", "--config-path"])
            // The settings that all of them share.
            .arg(layout.root.join("xtask/homeserver.yaml"))
            .arg("--config-path")
            .arg(dir.join("homeserver.json"))
            .current_dir(dir);
        let url = format!("http://127.0.0.1:{port}");
        let health = format!("{url}/health");
        let service = step(format_args!("Synapse on port {port}"), || {
            let log = dir.join("synapse.log");
            let is_ready = move |_| answers_ok(&health);
            Service::start("Synapse", program, log, run_dir, Signal::TERM, is_ready)
        })?;
        let synapse = Self {
            bin,
            dir: dir.to_owned(),
            url,
            registration_secret,
            service,
        };
        // This is written when every account exists.
        let registered = dir.join("accounts-registered");
        if !registered.exists() {
            step("accounts on Synapse", || synapse.register(accounts))?;
            files::write_private(&registered, "")?;
        }
        Ok(synapse)
    }

    /// Makes this many clones of a room in the database while Synapse is stopped. Synapse itself
    /// would need a tenth of a second for each.
    pub(crate) fn clone_room(&mut self, room_id: &str, count: &str) -> Result<()> {
        self.service.kill();
        let mut cloning = command(self.python());
        cloning
            .args(["-c", include_str!("../clone_room.py")])
            .arg(self.configuration())
            .args([room_id, count]);
        run_logged(cloning, "cloning a room", &self.dir.join("clone_room.log"))?;
        self.service.run()
    }

    /// Makes a copy of the database, as a backup does.
    pub(crate) fn save(&mut self) -> Result<()> {
        self.while_down(|database, backup| fs_err::copy(database, backup).map(drop))
    }

    /// Puts the copy that was made last in the database's place.
    pub(crate) fn restore(&mut self) -> Result<()> {
        self.while_down(|database, backup| {
            for journal in ["-wal", "-shm"] {
                let mut name = database.as_os_str().to_owned();
                name.push(journal);
                // It belongs to the database that is replaced.
                let _ = fs_err::remove_file(name);
            }
            fs_err::copy(backup, database).map(drop)
        })
    }

    /// Forgets which transactions were seen, as Synapse does within a day.
    pub(crate) fn forget_transactions(&mut self) -> Result<()> {
        self.service.end_with(Signal::TERM);
        let mut forget = command(self.bin.join("python"));
        forget
            .args([
                "-c",
                "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as database:\n    \
                 database.execute('DELETE FROM event_txn_id_device_id')",
            ])
            .arg(self.dir.join(DATABASE));
        run_logged(
            forget,
            "forgetting transactions",
            &self.dir.join("forget.log"),
        )?;
        self.service.run()
    }

    fn while_down(&mut self, work: impl FnOnce(&Path, &Path) -> std::io::Result<()>) -> Result<()> {
        // SQLite completes its file when it is closed.
        self.service.end_with(Signal::TERM);
        work(
            &self.dir.join(DATABASE),
            &self.dir.join("homeserver.backup"),
        )?;
        self.service.run()
    }

    /// The Python that has Synapse.
    pub(crate) fn python(&self) -> PathBuf {
        self.bin.join("python")
    }

    /// The settings of this Synapse alone.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.dir.join("homeserver.json")
    }

    fn register(&self, accounts: &Accounts) -> Result<()> {
        let password = self.dir.join("admin-password");
        files::write_private(&password, accounts.password(ADMIN))?;
        let mut register = command(self.bin.join("register_new_matrix_user"));
        register
            .args(["--user", ADMIN, "--admin", "--exists-ok", "--password-file"])
            .arg(&password)
            .arg("--config")
            .arg(self.configuration())
            .arg(&self.url);
        let log = self.dir.join("register.log");
        run_logged(register, "making the administrator's account", &log)?;
        let client = Client::new(&self.url).log_in(ADMIN, accounts.password(ADMIN))?;
        let names = [
            (BOT, "Website chat"),
            (STAFF[0], "Alice"),
            (STAFF[1], "Bob"),
        ];
        for (name, display_name) in names {
            let (mxid, password) = (mxid(name), accounts.password(name));
            client.ok(&admin::put_account(&mxid, password, Some(display_name)))?;
        }
        // The limits are for people; the bot speaks for all visitors together.
        client.ok(&admin::lift_limits(&mxid(BOT)))?;
        client.ok(&request::log_out())?;
        Ok(())
    }
}

/// The settings that differ between one Synapse and another; `xtask/homeserver.yaml` has the rest.
fn configuration(dir: &Path, port: u16, secret: &str, encryption: Encryption) -> Value {
    // The same name as in Synapse.
    let encryption = format!("{encryption:?}").to_lowercase();
    json!({
        "server_name": SERVER_NAME,
        "public_baseurl": format!("http://localhost:{port}/"),
        "listeners": [{
            "type": "http",
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "tls": false,
            "x_forwarded": false,
            "resources": [{"names": ["client"], "compress": false}],
        }],
        "database": {"name": "sqlite3", "args": {"database": dir.join(DATABASE)}},
        "media_store_path": dir.join("media"),
        "signing_key_path": dir.join("signing.key"),
        "registration_shared_secret": secret,
        "encryption_enabled_by_default_for_room_type": encryption,
    })
}
