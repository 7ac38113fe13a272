//! Programs that run until they are told to end, and are supervised meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fs_err::{self as fs, OpenOptions};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::failure::{Result, bail};
use crate::files;
use crate::process::{ended_within, line, output_of, spawn, wait_until};
use crate::progress::{Heartbeat, note, seconds};

/// How long a service may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

/// A program that runs until it is told to end, which happens at the latest when this is dropped.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    record: PathBuf,
    stop_with: Signal,
}

impl Service {
    /// Starts it, with its output in `log`. The signal `stop_with` asks it to end. `run_dir` records its process id;
    /// the last word of the command must be one that no other program's command line has.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
        run_dir: &Path,
        stop_with: Signal,
    ) -> Result<Self> {
        files::create_private_dir(run_dir)?;
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        let output = output.into_file();
        let errors = output.try_clone()?;
        let child = spawn(command.stdout(output).stderr(errors), name)?;
        let service = Self {
            name,
            child,
            log: log.to_owned(),
            record: run_dir.join(format!("{name}.pid")),
            stop_with,
        };
        let marker = command.get_args().last().unwrap_or(command.get_program());
        let (pid, marker) = (service.pid(), marker.to_string_lossy());
        let text = format!("{pid} {} {marker}", stop_with.as_raw());
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
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        note(format!("the last lines of {}:", self.log.display()));
        for line in files::last_lines(&self.log, 15) {
            note(format!("    {line}"));
        }
        bail!("{} ended by itself ({status})", self.name)
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
        if !is_ready {
            let log = self.log.display();
            bail!(
                "{} was not ready within {}: see {log}",
                self.name,
                seconds(limit)
            );
        }
        Ok(())
    }

    /// Ends it with this signal instead of the usual one; says whether it ended in time.
    pub(crate) fn end_with(&mut self, signal: Signal) -> bool {
        // It ends its own children, as long as it is not killed.
        let _ = kill_process(Pid::from_child(&self.child), signal);
        let in_time = ended_within(&mut self.child, GRACE);
        self.kill();
        in_time
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
            let how = if self.end_with(self.stop_with) {
                "ended"
            } else {
                "did not end, killed"
            };
            note(format!(
                "{}: {how} ({})",
                self.name,
                seconds(started.elapsed())
            ));
        }
        self.kill();
        // Left behind, the record only costs the next start a look at a process that is not there.
        let _ = fs::remove_file(&self.record);
    }
}

/// Ends services that an earlier run left behind because it was itself killed.
pub(crate) fn end_leftovers(run_dir: &Path) -> Result<()> {
    for record in files::list(run_dir) {
        if let Some((pid, signal)) = leftover(&fs::read_to_string(&record)?) {
            let name = record.file_stem().unwrap_or_default().display();
            note(format!("ending {name}, left behind by an earlier run"));
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
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).replace('\0', " ")),
        Err(_) => output_of(line(&format!("ps -o command= -p {pid}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(dir: &Path) -> Service {
        let (log, run_dir) = (dir.join("log"), dir.join("run"));
        Service::start(
            "sleeper",
            &mut line("sleep 86399"),
            &log,
            &run_dir,
            Signal::TERM,
        )
        .unwrap()
    }

    #[test]
    fn a_service_ends_when_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let mut service = sleeper(dir.path());
        service.check().unwrap();
        let pid = Pid::from_child(&service.child);
        drop(service);
        assert!(test_kill_process(pid).is_err());
        assert!(files::list(&dir.path().join("run")).is_empty());
    }

    #[test]
    fn a_service_that_dies_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut service = sleeper(dir.path());
        service.kill();
        let message = service.check().unwrap_err().to_string();
        assert!(message.contains("sleeper ended by itself"), "{message}");
    }

    #[test]
    fn a_record_of_another_process_is_no_leftover() {
        let own = std::process::id();
        assert!(leftover(&format!("{own} 15 /no/such/marker")).is_none());
        assert!(leftover(&format!("{own} 15 ")).is_none());
        assert!(leftover("").is_none());
        let dir = tempfile::tempdir().unwrap();
        let service = sleeper(dir.path());
        let record = fs::read_to_string(&service.record).unwrap();
        // The system shows a command line only a moment after the program was started.
        let seen = wait_until(GRACE, || Ok(leftover(&record).is_some())).unwrap();
        assert!(seen, "{record}");
    }
}
