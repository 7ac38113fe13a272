//! Running other programs to their end.
//!
//! Every program gets a process group of its own, so that the terminal's Ctrl-C reaches only this
//! one, which then ends the others in order.

use std::borrow::BorrowMut;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fs_err::File;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::{Context, Interrupted, Result, bail};
use crate::files;
use crate::interruption::interrupted;
use crate::progress::Heartbeat;

const POLL: Duration = Duration::from_millis(50);

/// A command in a process group of its own, without standard input, and without the variables that
/// `cargo run` set for this program (they would make a nested cargo rebuild what it has built).
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).process_group(0);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_MANIFEST_")
            || name.starts_with("CARGO_PKG_")
            || name == "CARGO_PRIMARY_PACKAGE"
        {
            command.env_remove(&*name);
        }
    }
    command
}

/// The command in a line of words.
pub(crate) fn line(words: &str) -> Command {
    let mut words = words.split_whitespace();
    let mut command = command(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Runs a program to its end with its output in a log. A failure is reported in one line: what
/// failed, the program's last output, and where the rest is.
pub(crate) fn run_logged(
    mut command: impl BorrowMut<Command>,
    what: &str,
    log: &Path,
) -> Result<()> {
    let output = File::create(log)?.into_file();
    let errors = output.try_clone()?;
    let command = command.borrow_mut().stdout(output).stderr(errors);
    let mut heartbeat = Heartbeat::new();
    let doing = || files::last_lines(log, 1).pop().unwrap_or_default();
    let status = wait(spawn(command, what)?, || heartbeat.beat(doing))?;
    if !status.success() {
        let (doing, log) = (doing(), log.display());
        bail!(
            "{what} failed ({status}): {}; all of it: {log}",
            doing.trim()
        );
    }
    Ok(())
}

/// Runs a program to its end with its output on the terminal.
pub(crate) fn run_shown(mut command: impl BorrowMut<Command>, what: &str) -> Result<()> {
    let status = wait(spawn(command.borrow_mut(), what)?, || ())?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// The output of a program; `None` when the program is missing or fails.
pub(crate) fn output_of(mut command: impl BorrowMut<Command>) -> Option<String> {
    let output = command.borrow_mut().stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program runs at all.
pub(crate) fn runs(program: &Path) -> bool {
    let says = |version| output_of(command(program).arg(version)).is_some();
    says("--version") || says("version")
}

pub(crate) fn spawn(command: &mut Command, what: &str) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    command
        .spawn()
        .with_context(|| format!("{what}: cannot run {program}"))
}

/// Waits for a child; an interruption ends the child and everything that it has started.
fn wait(mut child: Child, mut meanwhile: impl FnMut()) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupted() {
            let group = Pid::from_child(&child);
            // The group may have ended just now, and then needs no signal.
            let _ = kill_process_group(group, Signal::TERM);
            if !ended_within(&mut child, Duration::from_secs(5)) {
                let _ = kill_process_group(group, Signal::KILL);
                let _ = child.wait();
            }
            bail!(Interrupted);
        }
        meanwhile();
        std::thread::sleep(POLL);
    }
}

pub(crate) fn ended_within(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(POLL);
    }
    false
}

/// Waits until a condition holds; `Ok(false)` after the time limit.
pub(crate) fn wait_until(
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        if condition()? {
            return Ok(true);
        }
        if interrupted() {
            bail!(Interrupted);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_says_why_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let mut failing = command("sh");
        failing.args(["-c", "echo first; echo the reason >&2; exit 3"]);
        let failure = run_logged(&mut failing, "step", &dir.path().join("log")).unwrap_err();
        let message = format!("{failure:#}");
        assert!(message.contains("the reason") && message.contains('3'));
        assert_eq!(message.lines().count(), 1);
    }
}
