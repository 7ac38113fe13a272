//! `cargo xtask test ansible`: the roles are linted, and applied for real to a machine of their own.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::{Context, Failure, Result, fail};
use crate::files;
use crate::layout::{Layout, find_on_path};
use crate::machine::{self, Machine};
use crate::process::{command, run_logged, run_shown};
use crate::progress::{note, step};
use crate::{apt, dist, python, smoke, tools};

const PLAYBOOKS: [&str; 4] = ["site.yml", "backup.yml", "restore.yml", "uninstall.yml"];

/// The most that `systemd-analyze security` may find exposed of a service, in tenths.
const MOST_EXPOSED: &str = "--threshold=20";

/// The role's tag.
const CHAT: &str = "matrix-support-chat";
const CHAT_UNIT: &str = "matrix-support-chat.service";
const SITE: &str = "https://chat.test";
const HOMESERVER: &str = "https://matrix.test";
const READY: &str = "http://127.0.0.1:8091/readyz";

/// Checks the roles; applies them where that is possible, which it must be in CI.
pub(crate) fn run(layout: &Layout, dir: &Path, run_dir: &Path, artefact: &Path) -> Result<()> {
    let tools = Tools::get(layout, dir)?;
    tools.lint()?;
    if let Some(obstacle) = obstacle() {
        if std::env::var_os("CI").is_some() {
            return fail(obstacle);
        }
        note(format!("the roles are not applied: {obstacle}"));
        return Ok(());
    }
    Applied::to_a_fresh_machine(layout, tools, dir, run_dir, artefact)?.check(layout)
}

/// Why no machine can be made here.
fn obstacle() -> Option<&'static str> {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        return Some("that takes root on Linux (the machine they are applied to is a namespace)");
    }
    if find_on_path(&["debootstrap"]).is_none() && !apt::is_possible() {
        return Some("that takes debootstrap");
    }
    if !machine::is_possible() {
        return Some("that takes the right to make namespaces and mounts");
    }
    None
}

/// Ansible and what checks its files.
struct Tools {
    bin: PathBuf,
    playbooks: PathBuf,
    home: PathBuf,
    logs: PathBuf,
}

impl Tools {
    fn get(layout: &Layout, dir: &Path) -> Result<Self> {
        let requirements = include_str!("../ansible-requirements.txt");
        let venv = {
            let _lock = tools::lock(layout)?;
            step("Ansible from PyPI", || {
                python::environment(layout, "ansible", requirements)
            })?
        };
        Ok(Self {
            bin: venv.join("bin"),
            playbooks: layout.root.join("ansible"),
            home: dir.join("home"),
            logs: dir.to_owned(),
        })
    }

    fn set_up(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(dirs) {
            command.env("PATH", path);
        }
        command
            .current_dir(&self.playbooks)
            .env("ANSIBLE_CONFIG", self.playbooks.join("ansible.cfg"))
            .env("ANSIBLE_HOME", &self.home)
            .env("ANSIBLE_FORCE_COLOR", "0")
            .env("NO_COLOR", "1");
    }

    fn lint(&self) -> Result<()> {
        for environment in ["staging", "production"] {
            let mut check = command(self.bin.join("ansible-playbook"));
            self.set_up(&mut check);
            check
                .args(["--syntax-check", "--inventory"])
                .arg(format!("inventories/{environment}"))
                .args(PLAYBOOKS);
            let log = self.logs.join("syntax-check.log");
            run_logged(&mut check, "ansible-playbook --syntax-check", &log)?;
        }
        let mut lint = command(self.bin.join("ansible-lint"));
        self.set_up(&mut lint);
        lint.args(["--offline", "--nocolor", "-q"]);
        step("ansible-lint", || run_shown(&mut lint, "ansible-lint"))?;
        self.check_pins()
    }

    /// Everything that is installed is of a version that is named.
    fn check_pins(&self) -> Result<()> {
        for file in files::walk(&self.playbooks) {
            let text = fs::read_to_string(&file)
                .context(format_args!("cannot read {}", file.display()))?;
            if let Some(line) = unpinned(&text) {
                return fail(format!("{}: not pinned: {line}", file.display()));
            }
        }
        Ok(())
    }
}

/// The first line that would install whatever is the newest.
fn unpinned(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| {
        let code = line.split('#').next().unwrap_or_default();
        let tag = code.contains(":latest") || code.contains("state: latest");
        // A requirement without a version, as `name>=1` or `name`; with one, its hashes follow.
        let loose = ["pip install ", "pip:"].iter().any(|it| code.contains(it))
            && !code.contains("--require-hashes")
            && !code.contains('\\');
        tag || loose
    })
}

/// A machine to which the roles have been applied.
struct Applied {
    tools: Tools,
    machine: Machine,
    artefact: PathBuf,
    inventory: PathBuf,
    smoke: Smoke,
}

/// What the smoke test is told.
struct Smoke {
    authority: PathBuf,
    browser: Option<PathBuf>,
    bot_password: String,
    staff_password: String,
}

/// How a run of a playbook ended.
struct Outcome {
    log: String,
    ok: bool,
}

impl Applied {
    fn to_a_fresh_machine(
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
        let authority = make_certificates(dir, &seed)?;
        let machine = step("machine", || {
            Machine::start(layout, &image, &seed, dir, run_dir)
        })?;
        let smoke = Smoke {
            authority,
            browser,
            bot_password: files::random_secret()?,
            staff_password: files::random_secret()?,
        };
        let inventory = dir.join("inventory.json");
        let variables = variables(dir, &machine, &smoke, artefact)?;
        files::write_private(&inventory, &variables.to_string())?;
        Ok(Self {
            tools,
            machine,
            artefact: artefact.to_owned(),
            inventory,
            smoke,
        })
    }

    fn check(&self, layout: &Layout) -> Result<()> {
        self.refuses_bad_variables()?;
        step("rehearsal on a fresh host", || {
            self.succeed("rehearsal", "site.yml", &["--check", "--diff"])
        })?;
        step("first run", || self.succeed("first-run", "site.yml", &[]))?;
        step("second run changes nothing", || {
            let log = self.succeed("second-run", "site.yml", &[])?;
            unchanged(&log)
        })?;
        step("sandboxes", || self.sandboxes_are_tight())?;
        step("nginx", || self.nginx_is_sound())?;
        self.smoke_test(layout)?;
        step("broken upgrade", || self.broken_upgrade_goes_back())?;
        step("backup and restore", || self.backup_can_be_restored())?;
        step("uninstall", || self.uninstall_leaves_nothing())
    }

    /// Each by name, and before anything is done: so they can all be tried at once.
    fn refuses_bad_variables(&self) -> Result<()> {
        let altered = self.artefact_with("altered", b"altered")?;
        fs::copy(
            self.artefact.with_file_name(dist::CHECKSUMS),
            altered.with_file_name(dist::CHECKSUMS),
        )
        .context("cannot copy the checksums")?;
        let altered = altered.to_string_lossy();
        step("bad variables", || {
            let cases = [
                ("matrix", "matrix_form_secret", "CHANGE-ME"),
                (CHAT, "matrix_support_chat_hostname", "https://chat.test"),
                (CHAT, "matrix_support_chat_artefact", &*altered),
                (CHAT, "matrix_support_chat_allow_debug", "false"),
            ];
            std::thread::scope(|scope| {
                cases
                    .map(|(role, name, value)| scope.spawn(move || self.refuses(role, name, value)))
                    .into_iter()
                    .try_for_each(|case| match case.join() {
                        Ok(result) => result,
                        Err(_) => fail("a thread panicked"),
                    })
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

    fn sandboxes_are_tight(&self) -> Result<()> {
        let units = [
            CHAT_UNIT,
            "matrix-synapse.service",
            "postgres-backup@any.service",
        ];
        for unit in units {
            let mut analyze = self.machine.inside("systemd-analyze");
            analyze.args(["security", "--no-pager", MOST_EXPOSED, unit]);
            let log = self.tools.logs.join(format!("security-{unit}.log"));
            run_logged(
                &mut analyze,
                &format!("systemd-analyze security {unit}"),
                &log,
            )?;
        }
        let secrets = "/etc/matrix-support-chat/secrets /etc/matrix-synapse/secrets";
        let open = self.machine.ask(
            "sh",
            &[
                "-c",
                &format!("find {secrets} -type f \\( ! -perm 0400 -o ! -user root \\)"),
            ],
        )?;
        if !open.is_empty() {
            return fail(format!("secrets that are not root's alone: {open}"));
        }
        Ok(())
    }

    fn nginx_is_sound(&self) -> Result<()> {
        let configuration = self.machine.ask("nginx", &["-T"])?;
        let file = self.tools.logs.join("nginx.conf");
        files::write_private(&file, &configuration)?;
        let mut gixy = command(self.tools.bin.join("gixy"));
        gixy.arg(&file);
        run_logged(&mut gixy, "gixy", &self.tools.logs.join("gixy.log"))
    }

    fn smoke_test(&self, layout: &Layout) -> Result<()> {
        let Smoke {
            authority,
            browser,
            bot_password,
            staff_password,
        } = &self.smoke;
        let mut npx = self.machine.beside("npx");
        npx.env("SMOKE_HOMESERVER", HOMESERVER)
            .env("SMOKE_BOT", "@supportbot:matrix.test")
            .env("SMOKE_BOT_PASSWORD", bot_password)
            .env("SMOKE_STAFF", "@alice:matrix.test")
            .env("SMOKE_STAFF_PASSWORD", staff_password)
            .env("SMOKE_MAY_FLOOD", "yes")
            .env("SMOKE_UPGRADE", self.upgrade_script()?)
            .env("SMOKE_CA", authority)
            .env("NODE_EXTRA_CA_CERTS", authority);
        smoke::check(layout, npx, SITE, browser.as_ref())
    }

    /// A program for those in the machine's network that upgrades it, to another build and other
    /// settings.
    fn upgrade_script(&self) -> Result<PathBuf> {
        let other = self.artefact_with("another-build", b"another build")?;
        let variables = json!({
            "matrix_support_chat_artefact": other,
            "matrix_support_chat_settings": {
                "SUPPORT_CHAT_RETENTION": "90days",
                "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0",
            },
        });
        let mut play = command(self.tools.bin.join("ansible-playbook"));
        self.tools.set_up(&mut play);
        play.arg("--inventory")
            .arg(&self.inventory)
            .args(["site.yml", "--tags", CHAT, "-e"])
            .arg(variables.to_string());
        let script = self.tools.logs.join("upgrade");
        let log = self.tools.logs.join("upgrade.log");
        let text = format!(
            "#!/bin/sh\nexec >'{}' 2>&1\n{}\n",
            log.display(),
            as_shell(&play)
        );
        fs::write(&script, text)
            .and_then(|()| fs::set_permissions(&script, fs::Permissions::from_mode(0o700)))
            .context("cannot write a script")?;
        Ok(script)
    }

    /// A release that passes its own check of the settings, and then serves nothing.
    fn broken_upgrade_goes_back(&self) -> Result<()> {
        let broken = self.make_artefact(
            "broken",
            b"#!/bin/sh\ntest \"$1\" = --check-config || exec sleep 1000\n",
        )?;
        let before = self.machine.ask("readlink", &[CURRENT])?;
        let outcome = self.play(
            "broken-upgrade",
            "site.yml",
            &[
                "--tags",
                CHAT,
                "-e",
                &format!("matrix_support_chat_artefact={}", broken.display()),
                "-e",
                "matrix_support_chat_ready_seconds=5",
            ],
        )?;
        if outcome.ok
            || !outcome
                .log
                .contains("The release before is back and ready.")
        {
            return fail(
                "a release that never gets ready was not taken back: see broken-upgrade.log",
            );
        }
        if self.machine.ask("readlink", &[CURRENT])? != before {
            return fail("the broken release is still the current one");
        }
        self.is_ready()
    }

    /// What was there at the time of the dump is there again, and what came later is not.
    fn backup_can_be_restored(&self) -> Result<()> {
        let count = "SELECT count(*) FROM messages";
        self.succeed("backup", "backup.yml", &[])?;
        let before = self.query(count)?;
        if before.trim() == "0" {
            return fail("nothing was stored, so nothing can be restored");
        }
        self.query("TRUNCATE sessions CASCADE")?;
        let dump = self.machine.ask(
            "sh",
            &[
                "-c",
                "ls /var/backups/postgresql/matrix_support_chat-*.dump | tail -n 1",
            ],
        )?;
        self.succeed(
            "restore",
            "restore.yml",
            &[
                "-e",
                "postgres_restore_database=matrix_support_chat",
                "-e",
                &format!("postgres_restore_file={}", dump.trim()),
            ],
        )?;
        if self.query(count)? != before {
            return fail("the restored database has not what the dumped one had");
        }
        self.is_ready()
    }

    fn uninstall_leaves_nothing(&self) -> Result<()> {
        let everything = ["-e", "matrix_support_chat_uninstall_database=true"];
        self.succeed("uninstall", "uninstall.yml", &everything)?;
        let left = self.machine.ask(
            "sh",
            &[
                "-c",
                "find /etc /opt /var/lib /run -name '*matrix?support?chat*' ! -path '*/systemd/timers/*' ! -path '/run/systemd/*'; \
                 getent passwd matrix-support-chat || true",
            ],
        )?;
        if !left.is_empty() {
            return fail(format!("uninstalling left behind: {left}"));
        }
        unchanged(&self.succeed("uninstall-again", "uninstall.yml", &everything)?)
    }

    fn query(&self, sql: &str) -> Result<String> {
        self.machine.ask(
            "runuser",
            &[
                "--user=postgres",
                "--",
                "psql",
                "-XAtqc",
                sql,
                "matrix_support_chat",
            ],
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
            .arg(&self.inventory)
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

/// A command as a line for the shell, its environment and its directory with it.
fn as_shell(command: &Command) -> String {
    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"));
    let dir = command.get_current_dir().unwrap_or(Path::new("."));
    let mut line = format!("cd {} && exec env", quoted(dir.as_os_str()));
    let environment = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in environment {
        let _ = write!(line, " {}={}", name.to_string_lossy(), quoted(value));
    }
    for word in std::iter::once(command.get_program()).chain(command.get_args()) {
        line.push(' ');
        line.push_str(&quoted(word));
    }
    line
}

const CURRENT: &str = "/opt/matrix-support-chat/current";

/// Fails unless a run says that it changed nothing on any host.
fn unchanged(log: &str) -> Result<()> {
    let recap = log.rsplit("PLAY RECAP").next().unwrap_or_default();
    let hosts: Vec<&str> = recap
        .lines()
        .filter(|line| line.contains("changed="))
        .collect();
    if !hosts.is_empty() && hosts.iter().all(|line| line.contains("changed=0 ")) {
        return Ok(());
    }
    for task in changed_tasks(log) {
        note(format!("    changed again: {task}"));
    }
    fail("a run that should change nothing did")
}

fn changed_tasks(log: &str) -> Vec<&str> {
    let mut task = "";
    let mut changed = Vec::new();
    for line in log.lines() {
        if line.starts_with("TASK [") || line.starts_with("RUNNING HANDLER [") {
            task = line.trim_end_matches('*').trim_end();
        } else if line.starts_with("changed:") && changed.last() != Some(&task) {
            changed.push(task);
        }
    }
    changed
}

/// What Ansible said of the task that failed.
fn last_error(log: &str) -> &str {
    let from = log
        .rfind("[ERROR]")
        .or_else(|| log.rfind("fatal:"))
        .unwrap_or(0);
    let rest = &log[from..];
    rest.split("PLAY RECAP").next().unwrap_or(rest).trim()
}

/// A certificate for the machine's two sites, and the authority that vouches for it.
fn make_certificates(dir: &Path, seed: &Path) -> Result<PathBuf> {
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

/// An inventory of the one machine, with every variable that the roles require.
fn variables(dir: &Path, machine: &Machine, smoke: &Smoke, artefact: &Path) -> Result<Value> {
    let staff =
        |name: &str| json!({"name": name, "displayname": name, "password": smoke.staff_password});
    // Paths of sockets must be short, which the repository's need not be.
    let sockets = std::env::temp_dir().join(format!("sc-{}-%C", std::process::id()));
    let host = json!({"hosts": {"machine": {}}});
    Ok(json!({"all": {
        "vars": {
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
            "matrix_bot_password": smoke.bot_password,
            "matrix_staff_accounts": [staff("alice"), staff("bob")],
            "matrix_support_chat_hostname": "chat.test",
            "matrix_support_chat_tls_certificate": "/etc/tls/site.pem",
            "matrix_support_chat_tls_certificate_key": "/etc/tls/site.key",
            "matrix_support_chat_artefact": artefact,
            // An optimised build takes many minutes, and differs in nothing that is checked here.
            "matrix_support_chat_allow_debug": true,
            "matrix_support_chat_bot_mxid": "@supportbot:matrix.test",
            "matrix_support_chat_bot_password": smoke.bot_password,
            "matrix_support_chat_staff_mxids": ["@alice:matrix.test", "@bob:matrix.test"],
            "matrix_support_chat_allowed_origins": [SITE],
            // Until it is ready on a busy machine.
            "matrix_support_chat_ready_seconds": 300,
            // The load test's visitors write faster than people.
            "matrix_support_chat_settings": {"SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0"},
        },
        "children": {"matrix": host, "matrix_support_chat": host},
    }}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_the_newest_is_found() {
        for line in [
            "image: matrixdotorg/synapse:latest",
            "    state: latest",
            "pip install matrix-synapse",
        ] {
            assert_eq!(unpinned(&format!("a: b\n{line}\n")), Some(line.trim()));
        }
        assert_eq!(
            unpinned("pip install --require-hashes -r x\n# never :latest\n"),
            None
        );
    }

    #[test]
    fn a_change_is_noticed_and_named() {
        let log = "TASK [a] ***\nok: [m]\nTASK [b] ***\nchanged: [m] => (item=1)\nchanged: [m]\n\
                   PLAY RECAP ***\nm : ok=2 changed=1 failed=0\n";
        assert_eq!(changed_tasks(log), ["TASK [b]"]);
        assert!(unchanged(log).is_err());
        assert!(unchanged("PLAY RECAP ***\nm : ok=2 changed=0 failed=0\n").is_ok());
        assert!(unchanged("nothing ran").is_err());
    }
}
