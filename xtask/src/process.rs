//! Running other programs to their end.
//!
//! Every program gets a process group of its own, so that the terminal's Ctrl-C reaches only this
//! one, which then ends the others in order.

use std::borrow::BorrowMut;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::failure::{Context, Failure, Result, fail};
use crate::files;
use crate::interruption::interrupted;
use crate::progress::{self, Heartbeat};

const POLL: Duration = Duration::from_millis(50);
/// Where programs are looked for before the directories of `PATH`.
static FIRST_ON_PATH: OnceLock<PathBuf> = OnceLock::new();

/// Lets every program that is started from here on find what is in this directory first.
pub(crate) fn put_first_on_path(dir: PathBuf) {
    // A second directory would be the same one: only Node.js is installed so.
    let _ = FIRST_ON_PATH.set(dir);
}

/// `PATH` for a program that is started, with these directories before the others.
pub(crate) fn search_path(dirs: impl IntoIterator<Item = PathBuf>) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = dirs.into_iter().chain(FIRST_ON_PATH.get().cloned());
    std::env::join_paths(dirs.chain(std::env::split_paths(&path)))
        .context("PATH cannot hold the directories of tools")
}

/// A command in a process group of its own, without standard input, and without the variables that
/// `cargo run` set for this program (they would make a nested cargo rebuild what it has built).
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    const SET_BY_CARGO_RUN: [&str; 4] = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_",
        "CARGO_PRIMARY_PACKAGE",
    ];
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).process_group(0);
    if FIRST_ON_PATH.get().is_some()
        && let Ok(path) = search_path([])
    {
        command.env("PATH", path);
    }
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| SET_BY_CARGO_RUN.iter().any(|it| name.starts_with(it)))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a program to its end with its output in a log. A failure is one line: what failed, the
/// program's last word, and where the rest is.
pub(crate) fn run_logged(
    mut command: impl BorrowMut<Command>,
    what: &str,
    log: &Path,
) -> Result<()> {
    let command = command.borrow_mut();
    let output = File::create(log).context(format_args!("cannot write {}", log.display()))?;
    let errors = output.try_clone().context("cannot share a log")?;
    let child = command.stdout(output).stderr(errors).spawn();
    let mut heartbeat = Heartbeat::new();
    let doing = || files::last_lines(log, 1).pop().unwrap_or_default();
    let status = wait(spawned(child, command, what)?, || heartbeat.beat(doing))?;
    if status.success() {
        return Ok(());
    }
    fail(format!(
        "{what} failed ({status}): {}; all of it: {}",
        doing().trim(),
        log.display()
    ))
}

/// Runs a program to its end with its output on the terminal.
pub(crate) fn run_shown(mut command: impl BorrowMut<Command>, what: &str) -> Result<()> {
    let command = command.borrow_mut();
    progress::close_line();
    let child = command.spawn();
    let status = wait(spawned(child, command, what)?, || ())?;
    if status.success() {
        Ok(())
    } else {
        fail(format!("{what} failed ({status})"))
    }
}

/// The output of a program, or nothing when it is missing or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program says that it is of exactly this version.
pub(crate) fn has_version(command: &mut Command, version: &str) -> bool {
    output_of(command.arg("--version")).is_some_and(|text| names_version(&text, version))
}

fn names_version(text: &str, version: &str) -> bool {
    text.split_whitespace()
        .any(|word| word.trim_start_matches('v') == version)
}

pub(crate) fn spawned(
    child: std::io::Result<Child>,
    command: &Command,
    what: &str,
) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    child.context(format_args!("{what}: cannot run {program}"))
}

/// Waits for a child; an interruption ends it and everything it started.
fn wait(mut child: Child, mut meanwhile: impl FnMut()) -> Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child")? {
            return Ok(status);
        }
        if interrupted() {
            end_group(&mut child);
            return Err(Failure::Interrupted);
        }
        meanwhile();
        std::thread::sleep(POLL);
    }
}

fn end_group(child: &mut Child) {
    let group = Pid::from_child(child);
    // A group that has just gone needs no signal.
    let _ = kill_process_group(group, Signal::TERM);
    if !ended_within(child, Duration::from_secs(5)) {
        let _ = kill_process_group(group, Signal::KILL);
        let _ = child.wait();
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

/// Waits until a condition holds; `Ok(false)` says that the time was up.
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
            return Err(Failure::Interrupted);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_exact_version_will_do() {
        assert!(names_version("trunk 0.21.14\n", "0.21.14"));
        assert!(names_version("wasm-opt version 132 (version_132)", "132"));
        assert!(names_version("v1.2.3", "1.2.3"));
        for other in ["trunk 0.21.1", "trunk 0.21.140", ""] {
            assert!(!names_version(other, "0.21.14"));
        }
    }

    #[test]
    fn a_failing_step_says_why_in_one_line() {
        let dir = std::env::temp_dir().join(format!("xtask-step-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let mut failing = command("sh");
        failing.args(["-c", "echo first; echo the reason >&2; exit 3"]);
        let Err(Failure::Message(message)) = run_logged(&mut failing, "step", &dir.join("log"))
        else {
            panic!("not noticed")
        };
        assert!(
            message.contains("the reason") && message.contains('3'),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1);
        fs::remove_dir_all(dir).unwrap();
    }
}
