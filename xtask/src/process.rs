//! Running other programs: steps that end, and services that are supervised.
//!
//! Every program gets a process group of its own, so that the terminal's Ctrl-C reaches only this
//! one, which then ends the others in order.

use std::borrow::BorrowMut;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::failure::{Context, Failure, Result, fail};
use crate::files;
use crate::interruption::interrupted;
use crate::progress::{self, Heartbeat};

const POLL: Duration = Duration::from_millis(50);

/// How long a service may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

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

fn spawned(child: std::io::Result<Child>, command: &Command, what: &str) -> Result<Child> {
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

fn ended_within(child: &mut Child, limit: Duration) -> bool {
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

/// A service without the command that runs it.
pub(crate) struct ServiceSpec<'a> {
    /// Its name in messages.
    pub(crate) name: &'static str,
    /// Where its output goes.
    pub(crate) log: PathBuf,
    /// Where its process id is recorded while it runs.
    pub(crate) run_dir: &'a Path,
    /// A path that stands in its command line and in no other program's.
    pub(crate) marker: &'a Path,
    /// The signal that asks it to end.
    pub(crate) stop_with: Signal,
}

/// A program that runs until it is told to end, which happens at the latest when this is dropped.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    record: PathBuf,
    stop_with: Signal,
}

impl Service {
    /// Starts it.
    pub(crate) fn start(spec: ServiceSpec<'_>, command: &mut Command) -> Result<Self> {
        let ServiceSpec {
            name,
            log,
            run_dir,
            marker,
            stop_with,
        } = spec;
        files::create_private_dir(run_dir)?;
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .context(format_args!("cannot write {}", log.display()))?;
        let errors = output.try_clone().context("cannot share a log")?;
        let child = command.stdout(output).stderr(errors).spawn();
        let child = spawned(child, command, name)?;
        let record = run_dir.join(format!("{}.pid", name.to_lowercase().replace(' ', "-")));
        let service = Self {
            name,
            child,
            log,
            record,
            stop_with,
        };
        let text = format!(
            "{} {} {}",
            service.child.id(),
            stop_with.as_raw(),
            marker.display()
        );
        files::write_private(&service.record, &text)?;
        Ok(service)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its process id is recorded while it runs.
    pub(crate) fn record(&self) -> &Path {
        &self.record
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Fails when it has ended by itself, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait().context("cannot look after a child")? {
            None => Ok(()),
            Some(status) => {
                progress::note(format!("the last lines of {}:", self.log.display()));
                for line in files::last_lines(&self.log, 15) {
                    progress::note(format!("    {line}"));
                }
                fail(format!("{} ended by itself ({status})", self.name))
            }
        }
    }

    /// Waits until it is ready, however long a slow machine takes within reason.
    pub(crate) fn wait_ready(&mut self, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
        let limit = Duration::from_mins(2);
        let mut heartbeat = Heartbeat::new();
        let is_ready = wait_until(limit, || {
            self.check()?;
            heartbeat.beat(|| format!("waiting for {}", self.name));
            ready()
        })?;
        if is_ready {
            return Ok(());
        }
        let log = self.log.display();
        fail(format!(
            "{} was not ready within {} s: see {log}",
            self.name,
            limit.as_secs()
        ))
    }

    /// Ends it with this signal instead of the usual one.
    pub(crate) fn end_with(&mut self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
        if !ended_within(&mut self.child, GRACE) {
            self.kill();
        }
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let started = Instant::now();
            // It ends its own children, as long as it is not killed.
            let _ = kill_process(Pid::from_child(&self.child), self.stop_with);
            let in_time = ended_within(&mut self.child, GRACE);
            let took = progress::seconds(started.elapsed());
            let how = if in_time {
                "ended"
            } else {
                "did not end, killed"
            };
            progress::note(format!("{}: {how} ({took})", self.name));
        }
        self.kill();
        // Left behind, the record only costs the next start a look at a process that is not there.
        let _ = fs::remove_file(&self.record);
    }
}

/// Ends services that an earlier run left behind because it was itself killed.
pub(crate) fn end_leftovers(run_dir: &Path) -> Result<()> {
    for record in files::list(run_dir) {
        let text = files::read_if_there(&record)?.unwrap_or_default();
        if let Some((pid, signal)) = leftover(&text) {
            let name = record
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            progress::note(format!("ending {name}, left behind by an earlier run"));
            let _ = kill_process(pid, signal);
            if !wait_until(GRACE, || Ok(test_kill_process(pid).is_err()))? {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
        let _ = fs::remove_file(&record);
    }
    Ok(())
}

/// The process a record speaks of, if it is still that process and not another with its number.
fn leftover(record: &str) -> Option<(Pid, Signal)> {
    let mut parts = record.splitn(3, ' ');
    let pid: i32 = parts.next()?.parse().ok()?;
    let signal = Signal::from_named_raw(parts.next()?.parse().ok()?)?;
    let marker = parts.next().filter(|marker| !marker.is_empty())?;
    command_line(pid)?.contains(marker).then_some(())?;
    Some((Pid::from_raw(pid)?, signal))
}

fn command_line(pid: i32) -> Option<String> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&bytes).replace('\0', " "));
    }
    output_of(Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temp_dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn sleeper(dir: &Path) -> Service {
        let spec = ServiceSpec {
            name: "sleeper",
            log: dir.join("log"),
            run_dir: &dir.join("run"),
            marker: Path::new("86399"),
            stop_with: Signal::TERM,
        };
        Service::start(spec, command("sleep").arg("86399")).unwrap()
    }

    #[test]
    fn a_service_ends_when_it_is_dropped() {
        let dir = temp_dir("service");
        let mut service = sleeper(&dir);
        service.check().unwrap();
        let pid = Pid::from_child(&service.child);
        drop(service);
        assert!(test_kill_process(pid).is_err());
        assert!(files::list(&dir.join("run")).is_empty());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_service_that_dies_is_named() {
        let dir = temp_dir("dies");
        let mut service = sleeper(&dir);
        service.kill();
        let Err(Failure::Message(message)) = service.check() else {
            panic!("not noticed")
        };
        assert!(message.contains("sleeper ended by itself"), "{message}");
        drop(service);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_record_of_another_process_is_no_leftover() {
        let own = std::process::id();
        assert!(leftover(&format!("{own} 15 /no/such/marker")).is_none());
        assert!(leftover(&format!("{own} 15 ")).is_none());
        assert!(leftover("").is_none());
        let dir = temp_dir("leftover");
        let service = sleeper(&dir);
        let record = fs::read_to_string(&service.record).unwrap();
        // The system shows a command line only a moment after the program was started.
        let seen = wait_until(GRACE, || Ok(leftover(&record).is_some())).unwrap();
        assert!(seen, "{record}");
        drop(service);
        fs::remove_dir_all(dir).unwrap();
    }

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
        let dir = temp_dir("step");
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
