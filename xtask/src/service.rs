//! Programs that run until they are told to end, and are supervised meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fs_err::{self as fs, OpenOptions};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::process::{ended_within, output_of, spawned, wait_until};
use crate::progress::{self, Heartbeat};

/// How long a service may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

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
        let child = command
            .stdout(output.into_file())
            .stderr(errors.into_file())
            .spawn();
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
    use crate::failure::Failure;
    use crate::process::command;

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
}
