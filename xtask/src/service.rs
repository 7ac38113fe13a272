//! Services: programs that run until they are told to end, and are supervised.

use std::ffi::OsString;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fs_err::{self as fs, OpenOptions};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use crate::prelude::*;
use crate::process::{ended_within, spawn, wait_until};
use crate::progress::{Heartbeat, seconds};

/// How long a service may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(15);

/// A program that runs until it is told to end, or until this is dropped. It can be run again.
pub(crate) struct Service {
    name: &'static str,
    command: Command,
    child: Option<Child>,
    /// The file with its output.
    pub(crate) log: PathBuf,
    /// The file with its process id while it runs.
    pub(crate) record: PathBuf,
    stop_with: Signal,
    is_ready: Box<dyn Fn(u32) -> bool + Send>,
}

impl Service {
    /// Starts the program, and waits until `is_ready` accepts its process id; its output goes into
    /// `log`. The signal `stop_with` asks it to end. `run_dir` records its process id. The last
    /// word of the command must not be in any other program's command line.
    pub(crate) fn start(
        name: &'static str,
        command: Command,
        log: PathBuf,
        run_dir: &Path,
        stop_with: Signal,
        is_ready: impl Fn(u32) -> bool + Send + 'static,
    ) -> Result<Self> {
        files::create_private_dir(run_dir)?;
        let mut service = Self {
            name,
            command,
            child: None,
            log,
            record: run_dir.join(format!("{name}.pid")),
            stop_with,
            is_ready: Box::new(is_ready),
        };
        service.run()?;
        Ok(service)
    }

    /// Starts the program again and waits until it is ready, with patience for a slow machine. A program that runs
    /// already is left alone.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let output = output.into_file();
        let errors = output.try_clone()?;
        let child = spawn(self.command.stdout(output).stderr(errors), self.name)?;
        let (pid, signal) = (child.id(), self.stop_with.as_raw());
        self.child = Some(child);
        let words = self.command.get_args();
        let marker = words.last().unwrap_or(self.command.get_program());
        let text = format!("{pid} {signal} {}", marker.display());
        files::write_private(&self.record, &text)?;

        let ready = self.wait_ready(pid);
        if ready.is_err() {
            self.kill();
        }
        ready
    }

    fn wait_ready(&mut self, pid: u32) -> Result<()> {
        let limit = Duration::from_mins(2);
        let mut heartbeat = Heartbeat::new();
        let is_ready = wait_until(limit, || {
            self.check()?;
            heartbeat.beat(|| format!("waiting for {}", self.name));
            Ok((self.is_ready)(pid))
        })?;
        if !is_ready {
            let (name, log) = (self.name, self.log.display());
            bail!("{name} was not ready within {}: see {log}", seconds(limit));
        }
        Ok(())
    }

    /// Ends it, and starts it again with these variables.
    pub(crate) fn restart_with(&mut self, variables: &[(&str, OsString)]) -> Result<()> {
        self.end_with(self.stop_with);
        self.command
            .envs(variables.iter().map(|(name, value)| (name, value)));
        self.run()
    }

    /// Ends it, and starts it again without these variables.
    pub(crate) fn restart_without(&mut self, variables: &[&str]) -> Result<()> {
        self.end_with(self.stop_with);
        for name in variables {
            self.command.env_remove(name);
        }
        self.run()
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Fails if the program has ended by itself, with the end of its log.
    pub(crate) fn check(&mut self) -> Result<()> {
        let status = self.child.as_mut().map(Child::try_wait).transpose()?;
        let Some(status) = status.flatten() else {
            return Ok(());
        };
        note(format!("the last lines of {}:", self.log.display()));
        for line in files::last_lines(&self.log, 15) {
            note(format!("    {line}"));
        }
        bail!("{} ended by itself ({status})", self.name)
    }

    /// Ends it with this signal instead of the usual one; returns whether it ended in time.
    pub(crate) fn end_with(&mut self, signal: Signal) -> bool {
        let Some(child) = &mut self.child else {
            return true;
        };
        // It ends its own children, unless it is killed.
        let _ = kill_process(Pid::from_child(child), signal);
        let in_time = ended_within(child, GRACE);
        self.kill();
        in_time
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let started = Instant::now();
        let runs = matches!(self.child.as_mut().map(Child::try_wait), Some(Ok(None)));
        if runs {
            let in_time = self.end_with(self.stop_with);
            let killed = if in_time { "" } else { ", killed" };
            let took = seconds(started.elapsed());
            note(format!("{}: ended{killed} ({took})", self.name));
        }
        self.kill();
        // A record that is left behind would make the next start look for a process that no longer
        // exists.
        let _ = fs::remove_file(&self.record);
    }
}

/// Ends services of an earlier run that was killed itself.
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

/// The process of a record, if it is still that process and not another with its number.
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
        let (sleep, log) = (line("sleep 86399"), dir.join("log"));
        Service::start(
            "sleeper",
            sleep,
            log,
            &dir.join("run"),
            Signal::TERM,
            |_| true,
        )
        .unwrap()
    }

    #[test]
    fn a_service_ends_when_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let service = sleeper(dir.path());
        let pid = Pid::from_child(service.child.as_ref().unwrap());
        test_kill_process(pid).unwrap();
        drop(service);
        assert!(test_kill_process(pid).is_err());
        assert!(files::list(&dir.path().join("run")).is_empty());
    }

    #[test]
    fn a_service_that_dies_is_named_and_one_that_was_killed_runs_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut service = sleeper(dir.path());
        service.kill();
        service.check().unwrap();
        service.run().unwrap();
        let child = service.child.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
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
        // The system shows a command line only a moment after the start of the program.
        let seen = wait_until(GRACE, || Ok(leftover(&record).is_some())).unwrap();
        assert!(seen, "{record}");
    }
}
