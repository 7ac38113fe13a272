//! The roles, applied to a machine of their own: what they promise is looked at from outside.

mod host;
mod life;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Tools;
use super::inventory::{self, HOMESERVER, Inventory, Passwords, SITE};
use super::log::{last_error, unchanged};
use crate::failure::{Context, Failure, Result, fail};
use crate::layout::Layout;
use crate::machine::{self, Machine};
use crate::process::{run_logged, wait_until};
use crate::progress::{note, step};
use crate::{apt, dist, files, smoke};

/// The role's tag.
const CHAT: &str = "matrix-support-chat";
const CHAT_UNIT: &str = "matrix-support-chat.service";
const CANARY_UNIT: &str = "matrix-support-chat-canary.service";
const CHAT_DATABASE: &str = "matrix_support_chat";
const READY: &str = "http://127.0.0.1:8091/readyz";
/// Synapse, not through nginx.
const SYNAPSE: &str = "http://127.0.0.1:8008";

/// Nothing here takes this long, however busy the machine is.
const PATIENCE: Duration = Duration::from_mins(2);

/// A machine to which the roles are applied.
pub(super) struct Applied {
    tools: Tools,
    machine: Machine,
    artefact: PathBuf,
    inventory: Inventory,
    passwords: Passwords,
    authority: PathBuf,
    browser: Option<PathBuf>,
}

/// How a run of a playbook ended.
struct Outcome {
    log: String,
    ok: bool,
}

impl Applied {
    pub(super) fn to_a_fresh_machine(
        layout: &Layout,
        tools: Tools,
        dir: &Path,
        run_dir: &Path,
        artefact: &Path,
    ) -> Result<Self> {
        apt::ensure(
            layout,
            &[
                ("ip", "iproute2"),
                ("openssl", "openssl"),
                ("ssh", "openssh-client"),
            ],
        )?;
        let browser = smoke::prepare(layout)?;
        let requirements = layout
            .root
            .join("ansible/roles/matrix/files/requirements.txt");
        let image = step("Debian to apply the roles to", || {
            machine::image(layout, &requirements)
        })?;
        let seed = dir.join("seed");
        let authority = inventory::make_certificates(dir, &seed)?;
        let machine = step("machine", || {
            Machine::start(layout, &image, &seed, dir, run_dir)
        })?;
        let passwords = Passwords::random()?;
        let inventory = Inventory::new(dir, &machine, &passwords, artefact)?;
        Ok(Self {
            tools,
            machine,
            artefact: artefact.to_owned(),
            inventory,
            passwords,
            authority,
            browser,
        })
    }

    pub(super) fn check(mut self, layout: &Layout) -> Result<()> {
        step("bad variables, and a rehearsal on a fresh host", || {
            self.changes_nothing_yet()
        })?;
        step("first run", || self.succeed("first-run", "site.yml", &[]))?;
        step("second run changes nothing", || {
            let log = self.succeed("second-run", "site.yml", &[])?;
            unchanged(&log)
        })?;
        step("limits, federation and retention", || {
            self.only_the_bot_is_exempt()?;
            self.is_federated(true)?;
            self.keeps_messages_for_a_time()
        })?;
        step("nginx", || self.nginx_is_sound())?;
        step("nginx in front of a server that fails", || {
            self.nginx_tells_what_is_known()
        })?;

        let bobs_password = files::random_secret()?;
        let upgraded = self.inventory.with(self.changes(&bobs_password)?)?;
        let mut smoke = self.smoke_test();
        smoke.env("SMOKE_UPGRADE", self.upgrade_script(&upgraded)?);
        let upgrade = ["--project=upgrade"];
        smoke::check(layout, smoke, SITE, self.browser.as_ref(), &upgrade)?;
        self.inventory = upgraded;
        step("what the upgrade changed", || {
            self.is_federated(false)?;
            self.uses_the_token()?;
            self.has_reset_the_password_of_bob(&bobs_password)?;
            self.staff_join_by_themselves()
        })?;
        step("canary", || {
            self.canary_comes_back()?;
            unchanged(&self.succeed("canary-again", "site.yml", &["--tags=canary"])?)
        })?;
        step("units", || self.units_are_well_formed())?;
        step("a server that stands still", || self.is_started_again())?;
        step("sandboxes", || self.sandboxes_are_tight())?;
        step("nginx", || self.nginx_is_sound())?;
        step("early refusals through nginx", || {
            let refusals = include_str!("../../machine/refusals.py");
            self.run_script("early refusals through nginx", refusals)
        })?;
        // It uses up what the address may ask for.
        let hardening = ["--project=hardening", "--no-deps"];
        let smoke = self.smoke_test();
        smoke::check(layout, smoke, SITE, self.browser.as_ref(), &hardening)?;

        step("broken upgrade", || self.broken_upgrade_goes_back())?;
        step("backup and restore", || self.backup_can_be_restored())?;
        step("uninstall", || self.uninstall_leaves_nothing())
    }

    /// All at once, since none of it does anything: bad variables are refused, each by name, and the
    /// good ones show what they would do.
    fn changes_nothing_yet(&self) -> Result<()> {
        let altered = self.artefact_with("altered", b"altered")?;
        fs::copy(
            self.artefact.with_file_name(dist::CHECKSUMS),
            altered.with_file_name(dist::CHECKSUMS),
        )
        .context("cannot copy the checksums")?;
        let altered = altered.to_string_lossy();
        let cases = [
            ("matrix", "matrix_form_secret", "CHANGE-ME"),
            (CHAT, "matrix_support_chat_hostname", "https://chat.test"),
            (CHAT, "matrix_support_chat_artefact", &*altered),
            (CHAT, "matrix_support_chat_allow_debug", "false"),
            // Without its account and token.
            (CHAT, "matrix_support_chat_canary", "true"),
        ];
        std::thread::scope(|scope| {
            let rehearsal = scope.spawn(|| {
                self.succeed("rehearsal", "site.yml", &["--check", "--diff"])
                    .map(|_| ())
            });
            cases
                .map(|(role, name, value)| scope.spawn(move || self.refuses(role, name, value)))
                .into_iter()
                .chain([rehearsal])
                .try_for_each(|run| match run.join() {
                    Ok(result) => result,
                    Err(_) => fail("a thread panicked"),
                })
        })
    }

    fn refuses(&self, role: &str, name: &str, value: &str) -> Result<()> {
        let log = format!("bad-{name}");
        let setting = json!({ name: value }).to_string();
        let args = ["--check", "--tags", role, "-e", &setting];
        let outcome = self.play(&log, "site.yml", &args)?;
        // Of a debug build it is the artefact that is refused.
        let blamed = name.replace("allow_debug", "artefact");
        if outcome.ok || !last_error(&outcome.log).contains(&blamed) {
            return fail(format!(
                "{name}={value} was not refused by name: see {log}.log"
            ));
        }
        Ok(())
    }

    fn only_the_bot_is_exempt(&self) -> Result<()> {
        let exempt = self.query(
            "matrix_synapse",
            "SELECT user_id, messages_per_second, burst_count FROM ratelimit_override",
        )?;
        if exempt.trim() == "@supportbot:matrix.test|0|0" {
            return Ok(());
        }
        fail(format!("Synapse limits otherwise: {exempt}"))
    }

    fn is_federated(&self, expected: bool) -> Result<()> {
        let right = if expected { 200 } else { 404 };
        for path in [
            "/_matrix/key/v2/server",
            "/_matrix/federation/v1/version",
            "/.well-known/matrix/server",
        ] {
            let (status, _) = self.get(&format!("{HOMESERVER}{path}"), "")?;
            if status != right {
                return fail(format!("{path} is answered with {status}"));
            }
        }
        Ok(())
    }

    fn keeps_messages_for_a_time(&self) -> Result<()> {
        let said = self.machine.ask(
            "journalctl",
            &["--unit=matrix-synapse.service", "--output=cat"],
        )?;
        if said.contains("Setting up purge job") {
            return Ok(());
        }
        fail("Synapse says nothing of purging old messages")
    }

    /// What the upgrade under load changes: the build, and options of both roles.
    fn changes(&self, bobs_password: &str) -> Result<Map<String, Value>> {
        let other = self.artefact_with("another-build", b"another build")?;
        let changes = json!({
            "matrix_federation": false,
            "matrix_message_retention": "",
            "matrix_auto_accept_invites": true,
            "matrix_staff_accounts": inventory::accounts(&self.passwords.staff, bobs_password),
            "matrix_reset_passwords": ["bob"],
            "matrix_support_chat_artefact": other,
            "matrix_support_chat_bot_password": "",
            "matrix_support_chat_bot_access_token": self.token("supportbot", &self.passwords.bot)?,
            // As where the homeserver is on another host.
            "matrix_support_chat_homeserver_url": HOMESERVER,
            "matrix_support_chat_canary": true,
            "matrix_support_chat_canary_mxid": "@canary:matrix.test",
            "matrix_support_chat_canary_access_token": self.token("canary", &self.passwords.staff)?,
            "matrix_support_chat_settings": {
                "SUPPORT_CHAT_RETENTION": "90days",
                "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0",
            },
        });
        match changes {
            Value::Object(changes) => Ok(changes),
            _ => fail("not an object"),
        }
    }

    fn uses_the_token(&self) -> Result<()> {
        self.is_ready()?;
        let secrets = self
            .machine
            .ask("ls", &["/etc/matrix-support-chat/secrets"])?;
        if secrets.contains("PASSWORD") || !secrets.contains("MATRIX_SUPPORT_BOT_ACCESS_TOKEN") {
            return fail(format!("the secrets are still {secrets}"));
        }
        Ok(())
    }

    fn has_reset_the_password_of_bob(&self, new: &str) -> Result<()> {
        self.token("bob", new)?;
        let (status, _) = self.log_in("bob", &self.passwords.staff)?;
        if status == 403 {
            return Ok(());
        }
        fail(format!("the old password is answered with {status}"))
    }

    /// That is `matrix_auto_accept_invites`.
    fn staff_join_by_themselves(&self) -> Result<()> {
        let token = self.token("alice", &self.passwords.staff)?;
        let rooms = || {
            let url = format!("{SYNAPSE}/_matrix/client/v3/joined_rooms");
            let (_, answer) = self.get(&url, &token)?;
            Ok(answer["joined_rooms"].as_array().map_or(0, Vec::len))
        };
        let before = rooms()?;
        let (status, _) = self.machine.http(
            "POST",
            &format!("{SITE}/v1/support-chat/sessions"),
            "",
            &json!({"initialMessage": "Is anybody there?"}),
        )?;
        if status != 201 {
            return fail(format!("a new conversation is answered with {status}"));
        }
        if wait_until(PATIENCE, || Ok(rooms()? > before))? {
            return Ok(());
        }
        fail("staff who are invited do not join by themselves")
    }

    /// And `node_exporter`, as Debian has it, shows what it measured.
    fn canary_comes_back(&self) -> Result<()> {
        let systemctl = |args: &[&str]| self.machine.ask("systemctl", args);
        systemctl(&["is-active", "matrix-support-chat-canary.timer"])?;
        if systemctl(&["start", CANARY_UNIT]).is_err() {
            let said = self
                .machine
                .ask("journalctl", &["--unit", CANARY_UNIT, "--output=cat"])?;
            return fail(format!("the canary does not come back: {said}"));
        }
        let apt_get = ["install", "-y", "--no-install-recommends"];
        let mut install = self.machine.inside("apt-get");
        install
            .args(apt_get)
            .arg("prometheus-node-exporter")
            .env("DEBIAN_FRONTEND", "noninteractive");
        let log = self.tools.logs.join("node-exporter.log");
        run_logged(&mut install, "installing node_exporter", &log)?;
        let shown = wait_until(PATIENCE, || {
            let fetch = "import urllib.request as r; \
                         print(r.urlopen('http://127.0.0.1:9100/metrics').read().decode())";
            let metrics = self.machine.ask("python3", &["-c", fetch]);
            Ok(metrics.is_ok_and(|text| text.contains("\nsupport_chat_canary_success 1\n")))
        })?;
        if shown {
            return Ok(());
        }
        fail("node_exporter does not show what the canary measured")
    }

    fn smoke_test(&self) -> Command {
        let mut npx = self.machine.beside("npx");
        npx.env("SMOKE_HOMESERVER", HOMESERVER)
            .env("SMOKE_BOT", "@supportbot:matrix.test")
            .env("SMOKE_BOT_PASSWORD", &self.passwords.bot)
            .env("SMOKE_STAFF", "@alice:matrix.test")
            .env("SMOKE_STAFF_PASSWORD", &self.passwords.staff)
            .env("SMOKE_MAY_FLOOD", "yes")
            .env("SMOKE_CA", &self.authority)
            .env("NODE_EXTRA_CA_CERTS", &self.authority);
        npx
    }

    /// The artefact with something after its end, which changes nothing of what it does, in a
    /// directory of its own.
    fn artefact_with(&self, dir: &str, end: &[u8]) -> Result<PathBuf> {
        let content = fs::read(&self.artefact).context("cannot read the artefact")?;
        self.make_artefact(dir, &[&content, end].concat())
    }

    /// A file named as the artefact, with its checksums, in a directory of its own.
    fn make_artefact(&self, dir: &str, content: &[u8]) -> Result<PathBuf> {
        let dir = self.tools.logs.join(dir);
        let file = dir.join(self.artefact.file_name().unwrap_or_default());
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(&file, content))
            .context("cannot write an artefact")?;
        dist::write_checksums(&dir, &[&file])?;
        Ok(file)
    }

    fn get(&self, url: &str, token: &str) -> Result<(u16, Value)> {
        self.machine.http("GET", url, token, &Value::Null)
    }

    fn log_in(&self, user: &str, password: &str) -> Result<(u16, Value)> {
        self.machine.http(
            "POST",
            &format!("{SYNAPSE}/_matrix/client/v3/login"),
            "",
            &json!({
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": user},
                "password": password,
            }),
        )
    }

    /// From a log-in that must succeed.
    fn token(&self, user: &str, password: &str) -> Result<String> {
        let (status, answer) = self.log_in(user, password)?;
        match answer["access_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => fail(format!("{user} cannot log in: {status} {answer}")),
        }
    }

    fn query(&self, database: &str, sql: &str) -> Result<String> {
        self.machine.ask(
            "runuser",
            &["--user=postgres", "--", "psql", "-XAtqc", sql, database],
        )
    }

    /// It may take a moment to connect to its database again.
    fn is_ready(&self) -> Result<()> {
        let ask = "import time, urllib.request as r\n\
                   for i in range(60):\n  \
                     try: r.urlopen('URL', timeout=5); break\n  \
                     except OSError: time.sleep(1)\n\
                   else: raise SystemExit(1)"
            .replace("URL", READY);
        self.machine.ask("python3", &["-c", &ask]).map(|_| ())
    }

    /// Runs a playbook that must succeed, and gives its log.
    fn succeed(&self, name: &str, playbook: &str, args: &[&str]) -> Result<String> {
        let outcome = self.play(name, playbook, args)?;
        if outcome.ok {
            return Ok(outcome.log);
        }
        note(last_error(&outcome.log));
        fail(format!(
            "{name} failed: see {}",
            self.tools.logs.join(format!("{name}.log")).display()
        ))
    }

    fn play(&self, name: &str, playbook: &str, args: &[&str]) -> Result<Outcome> {
        let mut play = self.machine.beside(self.tools.bin.join("ansible-playbook"));
        self.tools.set_up(&mut play);
        play.arg("--inventory")
            .arg(&self.inventory.file)
            .arg(playbook)
            .args(args);
        let log = self.tools.logs.join(format!("{name}.log"));
        let ok = match run_logged(&mut play, name, &log) {
            Ok(()) => true,
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(Failure::Message(_)) => false,
        };
        let log = fs::read_to_string(&log).context("cannot read Ansible's log")?;
        Ok(Outcome { log, ok })
    }
}
