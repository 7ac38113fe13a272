//! A private Synapse, and the making of the accounts on it.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::accounts::{ADMIN, Accounts, BOT, SERVER_NAME, STAFF, mxid};
use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::matrix::{Matrix, escape};
use crate::process::{command, run_logged};
use crate::progress::step;
use crate::python;
use crate::service::Service;

/// Which rooms the homeserver encrypts by default.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encryption {
    /// None.
    Off,
    /// Those that one is invited to.
    Invite,
}

/// A Synapse that runs, or could again; ends when dropped.
pub(crate) struct Synapse {
    bin: PathBuf,
    dir: PathBuf,
    run_dir: PathBuf,
    port: u16,
    registration_secret: String,
    /// What is the same for all of them.
    settings: PathBuf,
    service: Option<Service>,
}

impl Synapse {
    /// Starts the Synapse whose files are in `dir`, making it and its accounts first if need be.
    pub(crate) fn start(
        layout: &Layout,
        dir: &Path,
        run_dir: &Path,
        port: u16,
        accounts: &Accounts,
        encryption: Encryption,
    ) -> Result<Self> {
        let requirements = include_str!("../synapse-requirements.txt");
        let bin = python::programs(layout, "synapse", requirements)?;
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
        let mut synapse = Self {
            bin,
            dir: dir.to_owned(),
            run_dir: run_dir.to_owned(),
            port,
            registration_secret,
            settings: layout.root.join("xtask/homeserver.yaml"),
            service: None,
        };
        step(format_args!("Synapse on port {port}"), || synapse.run())?;
        // Written when every account is there.
        let registered = dir.join("accounts-registered");
        if !registered.exists() {
            step("accounts on Synapse", || synapse.register(accounts))?;
            files::write_private(&registered, "")?;
        }
        Ok(synapse)
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where its process id is recorded, while it runs.
    pub(crate) fn pid_file(&self) -> Option<&Path> {
        self.service.as_ref().map(Service::record)
    }

    /// What proves the right to register accounts.
    pub(crate) fn registration_secret(&self) -> &str {
        &self.registration_secret
    }

    /// Fails when it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.service.as_mut().map_or(Ok(()), Service::check)
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill();
        }
    }

    /// Runs it and waits until it answers. One that runs already is left alone.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.service.is_some() {
            return Ok(());
        }
        let mut synapse = command(self.bin.join("python"));
        synapse
            .args(["-m", "synapse.app.homeserver", "--config-path"])
            .arg(&self.settings)
            .arg("--config-path")
            .arg(self.configuration())
            .current_dir(&self.dir);
        let log = self.dir.join("synapse.log");
        let mut service =
            Service::start("Synapse", &mut synapse, &log, &self.run_dir, Signal::TERM)?;
        let homeserver = Matrix::new(&self.url());
        service.wait_ready(|| Ok(homeserver.is_up()))?;
        self.service = Some(service);
        Ok(())
    }

    /// Makes so many clones of a room, in the database, while Synapse is down: asked for, they would take
    /// it a tenth of a second each.
    pub(crate) fn clone_room(&mut self, room_id: &str, count: &str) -> Result<()> {
        self.kill();
        let mut cloning = command(self.bin.join("python"));
        cloning
            .args(["-c", include_str!("../clone_room.py")])
            .arg(self.configuration())
            .args([room_id, count]);
        run_logged(cloning, "cloning a room", &self.dir.join("clone_room.log"))?;
        self.run()
    }

    fn configuration(&self) -> PathBuf {
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
            .arg(self.url());
        let log = self.dir.join("register.log");
        run_logged(register, "making the administrator's account", &log)?;
        let admin = Matrix::new(&self.url()).login(ADMIN, accounts.password(ADMIN))?;
        let names = [
            (BOT, "Website chat"),
            (STAFF[0], "Alice"),
            (STAFF[1], "Bob"),
        ];
        for (name, display_name) in names {
            let path = format!("/_synapse/admin/v2/users/{}", escape(&mxid(name)));
            let password = accounts.password(name);
            let account = json!({"password": password, "displayname": display_name});
            admin.put(&path, &account)?;
        }
        // The limits are for people; the bot speaks for all visitors together.
        let bot = escape(&mxid(BOT));
        let unlimited = json!({"messages_per_second": 0, "burst_count": 0});
        let path = format!("/_synapse/admin/v1/users/{bot}/override_ratelimit");
        admin.post(&path, &unlimited)?;
        admin.post("/_matrix/client/v3/logout", &json!({}))?;
        Ok(())
    }
}

/// What differs between one Synapse and another; `xtask/homeserver.yaml` has the rest.
fn configuration(dir: &Path, port: u16, secret: &str, encryption: Encryption) -> Value {
    let encryption = match encryption {
        Encryption::Off => "off",
        Encryption::Invite => "invite",
    };
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
        "database": {"name": "sqlite3", "args": {"database": dir.join("homeserver.db")}},
        "media_store_path": dir.join("media"),
        "signing_key_path": dir.join("signing.key"),
        "registration_shared_secret": secret,
        "encryption_enabled_by_default_for_room_type": encryption,
    })
}
