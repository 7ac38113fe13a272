//! What becomes of a deployment: upgrades, dumps, its end.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::inventory::Inventory;
use super::super::log::unchanged;
use super::{Applied, CHAT_DATABASE};
use crate::failure::{Context, Result, fail};
use crate::process::command;

const CURRENT: &str = "/opt/matrix-support-chat/current";

impl Applied {
    /// A program for those in the machine's network that upgrades it.
    pub(super) fn upgrade_script(&self, to: &Inventory) -> Result<PathBuf> {
        let mut play = command(self.tools.bin.join("ansible-playbook"));
        self.tools.set_up(&mut play);
        play.arg("--inventory").arg(&to.file).arg("site.yml");
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
    pub(super) fn broken_upgrade_goes_back(&self) -> Result<()> {
        let broken = self.make_artefact(
            "broken",
            b"#!/bin/sh\ntest \"$1\" = --check-config || exec sleep 1000\n",
        )?;
        let before = self.machine.ask("readlink", &[CURRENT])?;
        let outcome = self.play(
            "broken-upgrade",
            "site.yml",
            &[
                "--tags=release",
                "-e",
                &format!("matrix_support_chat_artefact={}", broken.display()),
                "-e",
                "matrix_support_chat_ready_seconds=2",
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
    pub(super) fn backup_can_be_restored(&self) -> Result<()> {
        let count = "SELECT count(*) FROM messages";
        self.succeed("backup", "backup.yml", &[])?;
        let before = self.query(CHAT_DATABASE, count)?;
        if before.trim() == "0" {
            return fail("nothing was stored, so nothing can be restored");
        }
        self.query(CHAT_DATABASE, "TRUNCATE sessions CASCADE")?;
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
        if self.query(CHAT_DATABASE, count)? != before {
            return fail("the restored database has not what the dumped one had");
        }
        self.is_ready()
    }

    pub(super) fn uninstall_leaves_nothing(&self) -> Result<()> {
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
