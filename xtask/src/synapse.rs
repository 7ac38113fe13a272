//! A private Synapse, hardened as one in production should be, and the accounts on it.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::matrix::{Matrix, escape};
use crate::process::{command, run_logged};
use crate::progress::step;
use crate::python;
use crate::service::{Service, ServiceSpec};

const SERVER_NAME: &str = "localhost";

/// The password of each account.
pub(crate) struct Accounts {
    bot: String,
    staff: String,
    admin: String,
}

/// The relay's account.
pub(crate) const BOT: &str = "supportbot";

/// The accounts of the staff.
pub(crate) const STAFF: [&str; 2] = ["alice", "bob"];

/// The account of the homeserver's administrator.
pub(crate) const ADMIN: &str = "admin";

impl Accounts {
    /// The accounts kept in this file, or new ones kept there from now on.
    pub(crate) fn load_or_make(path: &Path) -> Result<Self> {
        if let Some(accounts) = Self::load(path)? {
            return Ok(accounts);
        }
        let accounts = Self {
            bot: files::random_secret()?,
            // Typed by people, into Element.
            staff: files::random_secret()?.chars().take(16).collect(),
            admin: files::random_secret()?,
        };
        let entry = |name: &str, password: &str| json!({"mxid": mxid(name), "password": password});
        let text = json!({
            BOT: entry(BOT, &accounts.bot),
            STAFF[0]: entry(STAFF[0], &accounts.staff),
            STAFF[1]: entry(STAFF[1], &accounts.staff),
            ADMIN: entry(ADMIN, &accounts.admin),
        });
        files::write_private(path, &format!("{text:#}\n"))?;
        Ok(accounts)
    }

    /// The accounts kept in this file, if there are.
    pub(crate) fn load(path: &Path) -> Result<Option<Self>> {
        let Some(text) = files::read_if_there(path)? else {
            return Ok(None);
        };
        let broken = format!(
            "{} cannot be read: remove it to start again",
            path.display()
        );
        let kept: Value = serde_json::from_str(&text).context(&broken)?;
        let password = |name: &str| match kept[name]["password"].as_str() {
            Some(password) => Ok(password.to_owned()),
            None => fail(&broken),
        };
        Ok(Some(Self {
            bot: password(BOT)?,
            staff: password(STAFF[0])?,
            admin: password(ADMIN)?,
        }))
    }

    /// The bot's password.
    pub(crate) fn bot_password(&self) -> &str {
        &self.bot
    }

    /// The password of the administrator.
    pub(crate) fn admin_password(&self) -> &str {
        &self.admin
    }

    /// The password of everyone on the staff.
    pub(crate) fn staff_password(&self) -> &str {
        &self.staff
    }

    /// The accounts beside the administrator's, each with its display name and password.
    fn managed(&self) -> [(&str, &str, &str); 3] {
        [
            (BOT, "Website chat", &self.bot),
            (STAFF[0], "Alice", &self.staff),
            (STAFF[1], "Bob", &self.staff),
        ]
    }
}

/// The Matrix id of an account here.
pub(crate) fn mxid(name: &str) -> String {
    format!("@{name}:{SERVER_NAME}")
}

/// Which rooms the homeserver encrypts by default.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encryption {
    /// None.
    Off,
    /// Those that one is invited to.
    Invite,
}

impl Encryption {
    const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Invite => "invite",
        }
    }
}

/// A Synapse that runs, or could again; ends when dropped.
pub(crate) struct Synapse {
    python: PathBuf,
    dir: PathBuf,
    run_dir: PathBuf,
    port: u16,
    secrets: Value,
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
        let python = python::synapse(layout)?.join("bin").join("python");
        files::create_private_dir(dir)?;
        let secrets = load_or_make_secrets(&dir.join("secrets.json"))?;
        if !dir.join("signing.key").exists() {
            let mut generate = command(python.with_file_name("generate_signing_key"));
            generate.arg("-o").arg(dir.join("signing.key"));
            run_logged(&mut generate, "making Synapse's key", &dir.join("key.log"))?;
        }
        let mut config = configuration(dir, port, &secrets);
        config["encryption_enabled_by_default_for_room_type"] = json!(encryption.name());
        let config = format!("{config:#}\n");
        files::write_private(&dir.join("homeserver.yaml"), &config)?;
        // Written when every account is there.
        let registered = dir.join("accounts-registered");
        let (dir, run_dir) = (dir.to_owned(), run_dir.to_owned());
        let mut synapse = Self {
            python,
            dir,
            run_dir,
            port,
            secrets,
            service: None,
        };
        step(format_args!("Synapse on port {port}"), || synapse.run())?;
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
        self.secrets["registration"].as_str().unwrap_or_default()
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
        let config = self.dir.join("homeserver.yaml");
        let spec = ServiceSpec {
            name: "Synapse",
            log: self.dir.join("synapse.log"),
            run_dir: &self.run_dir,
            marker: &config,
            stop_with: Signal::TERM,
        };
        let mut service = Service::start(
            spec,
            command(&self.python)
                .args(["-m", "synapse.app.homeserver", "--config-path"])
                .arg(&config)
                .current_dir(&self.dir),
        )?;
        let homeserver = Matrix::new(&self.url());
        service.wait_ready(|| Ok(homeserver.is_up()))?;
        self.service = Some(service);
        Ok(())
    }

    /// Makes so many clones of a room, in the database, while Synapse is down: asked for, they would take
    /// it a tenth of a second each.
    pub(crate) fn clone_room(&mut self, room_id: &str, count: &str) -> Result<()> {
        self.kill();
        let mut cloning = command(&self.python);
        cloning
            .args(["-c", include_str!("../clone_room.py")])
            .arg(self.dir.join("homeserver.yaml"))
            .args([room_id, count]);
        let log = self.dir.join("clone_room.log");
        run_logged(&mut cloning, "cloning a room", &log)?;
        self.run()
    }

    fn register(&self, accounts: &Accounts) -> Result<()> {
        let password = self.dir.join("admin-password");
        files::write_private(&password, &accounts.admin)?;
        run_logged(
            command(self.python.with_file_name("register_new_matrix_user"))
                .args(["--user", ADMIN, "--admin", "--exists-ok", "--password-file"])
                .arg(&password)
                .arg("--config")
                .arg(self.dir.join("homeserver.yaml"))
                .arg(self.url()),
            "making the administrator's account",
            &self.dir.join("register.log"),
        )?;
        let admin = Matrix::new(&self.url()).login(ADMIN, &accounts.admin)?;
        for (name, display_name, password) in accounts.managed() {
            let path = format!("/_synapse/admin/v2/users/{}", escape(&mxid(name)));
            let account = json!({"password": password, "displayname": display_name});
            admin.put(&path, &account)?;
        }
        // The limits are for people; the bot speaks for all visitors together.
        let bot = escape(&mxid(BOT));
        let unlimited = json!({"messages_per_second": 0, "burst_count": 0});
        admin.post(
            &format!("/_synapse/admin/v1/users/{bot}/override_ratelimit"),
            &unlimited,
        )?;
        admin.post("/_matrix/client/v3/logout", &json!({}))?;
        Ok(())
    }
}

/// The secrets kept in this file; those that are missing are made, and kept there from now on.
fn load_or_make_secrets(path: &Path) -> Result<Value> {
    let mut secrets: Value = match files::read_if_there(path)? {
        Some(text) => serde_json::from_str(&text)
            .context(format_args!("{} cannot be read: remove it", path.display()))?,
        None => json!({}),
    };
    for name in ["registration", "macaroon", "form"] {
        if secrets[name].is_null() {
            secrets[name] = json!(files::random_secret()?);
        }
    }
    files::write_private(path, &secrets.to_string())?;
    Ok(secrets)
}

/// `homeserver.yaml`: JSON, which YAML includes.
fn configuration(dir: &Path, port: u16, secrets: &Value) -> Value {
    let limit = |per_second: f64, burst_count: u32| json!({"per_second": per_second, "burst_count": burst_count});
    json!({
        "server_name": SERVER_NAME,
        "public_baseurl": format!("http://localhost:{port}/"),
        "report_stats": false,
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
        "registration_shared_secret": secrets["registration"],
        "macaroon_secret_key": secrets["macaroon"],
        "form_secret": secrets["form"],

        // There are no accounts except those made here.
        "enable_registration": false,
        "allow_guest_access": false,
        // No other homeserver.
        "federation_domain_whitelist": [],
        "trusted_key_servers": [],
        "allow_public_rooms_over_federation": false,
        "allow_public_rooms_without_auth": false,
        // No public rooms.
        "room_list_publication_rules": [{"action": "deny"}],
        "enable_room_list_search": false,
        // Nothing the chat has no use for.
        "url_preview_enabled": false,
        "max_upload_size": "1M",
        "presence": {"enabled": false},
        // A client that starts twice within two minutes, as test workers do after a failure, would
        // get the first answer again, and take rooms it knows for new ones.
        "caches": {"sync_response_cache_duration": "0s"},

        // What one account, or one address, may do; the bot is exempt. Roomy enough for the staff
        // members of the test suite, who all come from one address.
        "rc_registration": limit(0.2, 5),
        "rc_login": {
            "address": limit(2.0, 50),
            "account": limit(1.0, 20),
            "failed_attempts": limit(0.2, 5),
        },
        "rc_message": limit(5.0, 50),
        "rc_room_creation": limit(0.2, 10),
        "rc_joins": {"local": limit(5.0, 50), "remote": limit(0.1, 1)},
        "rc_joins_per_room": limit(5.0, 20),
        "rc_invites": {
            "per_room": limit(1.0, 20),
            "per_user": limit(1.0, 20),
            "per_issuer": limit(1.0, 20),
        },
    })
}

/// Removes what a stopped Synapse would not need to be the same again: its log.
pub(crate) fn start_new_log(dir: &Path) -> Result<()> {
    match fs::remove_file(dir.join("synapse.log")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            fail(format!("cannot remove Synapse's log: {error}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_stay_what_they_were() {
        let path = std::env::temp_dir().join(format!("xtask-accounts-{}", std::process::id()));
        let made = Accounts::load_or_make(&path).unwrap();
        let kept = Accounts::load_or_make(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(made.staff_password(), kept.staff_password());
        assert_eq!(made.bot_password(), kept.bot_password());
        assert_ne!(made.bot_password(), made.staff_password());
    }

    #[test]
    fn the_homeserver_is_closed_to_strangers() {
        let secrets = json!({"registration": "r", "macaroon": "m", "form": "f"});
        let config = configuration(Path::new("/dev/null"), 8008, &secrets);
        assert_eq!(config["enable_registration"], false);
        assert_eq!(config["allow_guest_access"], false);
        assert_eq!(config["federation_domain_whitelist"], json!([]));
        assert_eq!(
            config["listeners"][0]["bind_addresses"],
            json!(["127.0.0.1"])
        );
        assert_eq!(
            config["listeners"][0]["resources"][0]["names"],
            json!(["client"])
        );
    }
}
