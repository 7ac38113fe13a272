//! Lets a test kill the parts that this program supervises, Synapse and Postgres, and start them
//! again; and the benchmark, fill Synapse with rooms.
//!
//! The supervising run listens on a loopback port; a script that calls `xtask parts-ctl` with that
//! address is what the test runs, as `$PARTS_CTL synapse stop`. It returns when the thing is done.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use crate::failure::{Context, Failure, Result, bail, fail};
use crate::files;
use crate::postgres::Postgres;
use crate::synapse::Synapse;

/// The parts that can be killed.
pub(crate) struct Parts<'a> {
    pub(crate) synapse: &'a mut Synapse,
    pub(crate) postgres: &'a mut Postgres,
}

impl Parts<'_> {
    fn control(&mut self, command: &str) -> Result<()> {
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["synapse", "stop"] => self.synapse.kill(),
            ["synapse", "start"] => self.synapse.run()?,
            ["synapse", "clone", room_id, count] => self.synapse.clone_room(room_id, count)?,
            ["postgres", "stop"] => self.postgres.kill(),
            ["postgres", "start"] => self.postgres.run()?,
            _ => {
                bail!("the commands are synapse|postgres stop|start, synapse clone ROOM COUNT");
            }
        }
        Ok(())
    }
}

/// Does some work while commands are listened for. The work gets the script's path.
pub(crate) fn during<T>(
    mut parts: Parts<'_>,
    dir: &Path,
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let address = listener.local_addr().context("cannot listen")?;
    let script = write_script(dir, address)?;
    thread::scope(|scope| {
        let serving = scope.spawn(move || {
            for stream in listener.incoming().flatten() {
                if !serve(&stream, &mut parts) {
                    break;
                }
            }
        });
        let result = work(&script);
        // Ends the loop above; if it cannot be reached, it has ended.
        let _ = TcpStream::connect(address).and_then(|mut stream| stream.write_all(b"end\n"));
        match serving.join() {
            Ok(()) => result,
            Err(_) => fail("the thread that controls the parts panicked"),
        }
    })
}

/// Carries one command out; false ends the listening.
fn serve(mut stream: &TcpStream, parts: &mut Parts<'_>) -> bool {
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).is_err() {
        return true;
    }
    let command = line.trim();
    if command == "end" {
        return false;
    }
    let answer = match parts.control(command) {
        Ok(()) => "ok".to_owned(),
        Err(Failure::Interrupted) => "interrupted".to_owned(),
        Err(Failure::Message(message)) => message,
    };
    // A caller that has gone away needs no answer.
    let _ = writeln!(stream, "{answer}");
    true
}

fn write_script(dir: &Path, address: SocketAddr) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let program = std::env::current_exe().context("cannot find this program")?;
    let program = program.display().to_string().replace('\'', r"'\''");
    let script = dir.join("parts-ctl");
    files::write_private(
        &script,
        &format!("#!/bin/sh\nexec '{program}' parts-ctl {address} \"$@\"\n"),
    )?;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
    Ok(script)
}

/// The script's side: sends a command and waits until it is done.
pub(crate) fn send(address: &str, command: &[String]) -> Result<()> {
    let stream = TcpStream::connect(address).context("no test run listens")?;
    writeln!(&stream, "{}", command.join(" ")).context("cannot ask")?;
    let mut answer = String::new();
    BufReader::new(&stream)
        .read_line(&mut answer)
        .context("no answer")?;
    match answer.trim() {
        "ok" => Ok(()),
        "" => fail("no answer"),
        message => fail(message),
    }
}
