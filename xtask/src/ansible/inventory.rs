//! What the roles are told: an inventory of one machine, and certificates for its two sites.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::failure::{Context, Result};
use crate::files;
use crate::machine::{self, Machine};
use crate::process::{command, run_logged};
use crate::progress::step;

pub(super) const SITE: &str = "https://chat.test";
pub(super) const HOMESERVER: &str = "https://matrix.test";

/// The passwords of accounts that the test logs in to.
pub(super) struct Passwords {
    pub(super) bot: String,
    pub(super) staff: String,
}

impl Passwords {
    pub(super) fn random() -> Result<Self> {
        Ok(Self {
            bot: files::random_secret()?,
            staff: files::random_secret()?,
        })
    }
}

/// An inventory, in a file that Ansible reads.
pub(super) struct Inventory {
    content: Value,
    pub(super) file: PathBuf,
}

impl Inventory {
    /// Of the one machine, with every variable that the roles require, and some options.
    pub(super) fn new(
        dir: &Path,
        machine: &Machine,
        passwords: &Passwords,
        artefact: &Path,
    ) -> Result<Self> {
        // Paths of sockets must be short, which the repository's need not be.
        let sockets = std::env::temp_dir().join(format!("sc-{}-%C", std::process::id()));
        let host = json!({"hosts": {"machine": {}}});
        let vars = json!({
            "ansible_host": "127.0.0.1",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": machine.ssh_key(),
            // Without compression, which costs more here than it saves.
            "ansible_ssh_args": "-o ControlMaster=auto -o ControlPersist=60s",
            "ansible_ssh_common_args": format!(
                "-o UserKnownHostsFile={} -o StrictHostKeyChecking=accept-new -o ControlPath={}",
                dir.join("known-hosts").display(),
                sockets.display(),
            ),
            "matrix_server_name": "matrix.test",
            "matrix_tls_certificate": "/etc/tls/site.pem",
            "matrix_tls_certificate_key": "/etc/tls/site.key",
            "matrix_registration_shared_secret": files::random_secret()?,
            "matrix_macaroon_secret_key": files::random_secret()?,
            "matrix_form_secret": files::random_secret()?,
            "matrix_admin_password": files::random_secret()?,
            "matrix_bot_password": passwords.bot,
            "matrix_staff_accounts": accounts(&passwords.staff, &passwords.staff),
            "matrix_federation": true,
            "matrix_message_retention": "365d",
            "matrix_support_chat_hostname": "chat.test",
            "matrix_support_chat_tls_certificate": "/etc/tls/site.pem",
            "matrix_support_chat_tls_certificate_key": "/etc/tls/site.key",
            "matrix_support_chat_artefact": artefact,
            // An optimised build takes many minutes, and differs in nothing that is checked here.
            "matrix_support_chat_allow_debug": true,
            "matrix_support_chat_bot_mxid": "@supportbot:matrix.test",
            "matrix_support_chat_bot_password": passwords.bot,
            "matrix_support_chat_staff_mxids": ["@alice:matrix.test", "@bob:matrix.test"],
            "matrix_support_chat_allowed_origins": [SITE],
            // Until it is ready on a busy machine.
            "matrix_support_chat_ready_seconds": 300,
            // The load test's visitors write faster than people.
            "matrix_support_chat_settings": {"SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0"},
        });
        let content = json!({"all": {
            "vars": vars,
            "children": {"matrix": host, "matrix_support_chat": host},
        }});
        Self {
            content,
            file: dir.join("inventory.json"),
        }
        .written()
    }

    /// The same machine after some variables have been changed, as another inventory.
    pub(super) fn with(&self, changes: Map<String, Value>) -> Result<Self> {
        let mut content = self.content.clone();
        if let Some(vars) = content["all"]["vars"].as_object_mut() {
            vars.extend(changes);
        }
        Self {
            content,
            file: self.file.with_file_name("changed-inventory.json"),
        }
        .written()
    }

    fn written(self) -> Result<Self> {
        files::write_private(&self.file, &self.content.to_string())?;
        Ok(self)
    }
}

/// The accounts beside the bot: one of the staff may have another password than the rest.
pub(super) fn accounts(password: &str, of_bob: &str) -> Value {
    let account = |name: &str, password: &str| {
        json!({
            "name": name, "displayname": name, "password": password,
        })
    };
    json!([
        account("alice", password),
        account("bob", of_bob),
        account("canary", password),
    ])
}

/// A certificate for the machine's two sites, and the authority that vouches for it.
pub(super) fn make_certificates(dir: &Path, seed: &Path) -> Result<PathBuf> {
    let tls = seed.join("etc/tls");
    fs::create_dir_all(&tls).context("cannot make a directory")?;
    let authority = dir.join("authority.pem");
    let authority_key = dir.join("authority.key");
    let log = dir.join("openssl.log");
    let new_key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-days",
        "2",
    ];
    step("certificates", || {
        run_logged(
            command("openssl")
                .args(["req", "-x509", "-subj", "/CN=An authority for tests"])
                .args(new_key)
                .args(["-addext", "keyUsage=critical,keyCertSign", "-keyout"])
                .arg(&authority_key)
                .arg("-out")
                .arg(&authority),
            "making a certificate authority",
            &log,
        )?;
        run_logged(
            command("openssl")
                .args(["req", "-x509", "-subj", "/CN=chat.test"])
                .args(new_key)
                .args(["-addext", "subjectAltName=DNS:chat.test,DNS:matrix.test"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE", "-CA"])
                .arg(&authority)
                .arg("-CAkey")
                .arg(&authority_key)
                .arg("-keyout")
                .arg(tls.join("site.key"))
                .arg("-out")
                .arg(tls.join("site.pem")),
            "making a certificate",
            &log,
        )?;
        // What the machine itself trusts: the canary goes through nginx.
        machine::write(
            seed,
            "etc/ssl/certs/ca-certificates.crt",
            &fs::read_to_string(&authority).context("no authority was made")?,
        )?;
        // With its chain: Chromium is told to trust the authority by what it sees there.
        let chain = [tls.join("site.pem"), authority.clone()]
            .iter()
            .map(fs::read_to_string)
            .collect::<std::io::Result<String>>();
        fs::write(
            tls.join("site.pem"),
            chain.context("no certificate was made")?,
        )
        .context("cannot write a certificate")
    })?;
    Ok(authority)
}
