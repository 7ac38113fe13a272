//! What is on the host: units, their sandboxes, and nginx.

use super::super::units::verify_quietly;
use super::{Applied, CANARY_UNIT, CHAT_UNIT, PATIENCE};
use crate::failure::{Result, fail};
use crate::files;
use crate::process::{command, run_logged, wait_until};

/// The most that `systemd-analyze security` may find exposed of a service, in tenths.
const MOST_EXPOSED: &str = "--threshold=20";

/// What the roles install of their own, dumps of a database that is not there included.
const UNITS: [&str; 4] = [
    CHAT_UNIT,
    CANARY_UNIT,
    "matrix-synapse.service",
    "postgres-backup@any.service",
];

impl Applied {
    /// As they were installed, timers included.
    pub(super) fn units_are_well_formed(&self) -> Result<()> {
        let find = "find /etc/systemd/system -maxdepth 1 -type f";
        let installed = self.machine.ask("sh", &["-c", find])?;
        let missing = UNITS
            .map(|unit| unit.replace("@any", "@"))
            .into_iter()
            .find(|unit| !installed.lines().any(|file| file.ends_with(unit)));
        if let Some(unit) = missing {
            return fail(format!("{unit} is not installed"));
        }
        let mut verify = self.machine.inside("systemd-analyze");
        verify
            .args(["verify", "--recursive-errors=no"])
            .args(installed.lines());
        verify_quietly(&mut verify, &self.tools.logs.join("verify-units.log"))
    }

    /// By systemd, to which a server that is stopped says nothing any more.
    pub(super) fn is_started_again(&self) -> Result<()> {
        let systemctl = |args: &[&str]| self.machine.ask("systemctl", args);
        let restarts = || systemctl(&["show", "--value", "--property=NRestarts", CHAT_UNIT]);
        systemctl(&["is-active", CHAT_UNIT])?;
        let before = restarts()?;
        systemctl(&["kill", "--signal=STOP", "--kill-whom=main", CHAT_UNIT])?;
        // After `WatchdogSec`.
        if !wait_until(PATIENCE, || Ok(restarts()? != before))? {
            return fail("a server that stands still is not started again");
        }
        self.is_ready()
    }

    pub(super) fn sandboxes_are_tight(&self) -> Result<()> {
        for unit in UNITS {
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

    pub(super) fn nginx_is_sound(&self) -> Result<()> {
        let configuration = self.machine.ask("nginx", &["-T"])?;
        let file = self.tools.logs.join("nginx.conf");
        files::write_private(&file, &configuration)?;
        let mut gixy = command(self.tools.bin.join("gixy"));
        gixy.arg(&file);
        run_logged(&mut gixy, "gixy", &self.tools.logs.join("gixy.log"))
    }

    /// While a script has the place of the server.
    pub(super) fn nginx_tells_what_is_known(&self) -> Result<()> {
        self.machine.ask("systemctl", &["stop", CHAT_UNIT])?;
        let script = include_str!("../../../machine/nginx.py");
        self.run_script("nginx in front of a server that fails", script)?;
        self.machine.ask("systemctl", &["start", CHAT_UNIT])?;
        self.is_ready()
    }

    /// Runs a script of Python in the machine, which must succeed.
    pub(super) fn run_script(&self, what: &str, script: &str) -> Result<()> {
        let mut python = self.machine.inside("python3");
        python.args(["-c", script]);
        let log = self
            .tools
            .logs
            .join(format!("{}.log", what.replace(' ', "-")));
        run_logged(&mut python, what, &log)
    }
}
