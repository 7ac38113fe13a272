//! Lets tests stop and start the parts that this program supervises, Synapse and Postgres, and lets the benchmark fill
//! Synapse with rooms.
//!
//! The supervising run listens on a loopback port. The test runs a script, as in `$PARTS_CONTROL synapse stop`, which
//! sends its arguments there and returns when the command is done.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use crate::failure::Error;
use crate::postgres::Postgres;
use crate::prelude::*;
use crate::synapse::Synapse;

/// The parts that can be stopped.
pub(crate) struct Parts<'a> {
    pub(crate) synapse: &'a mut Synapse,
    pub(crate) postgres: &'a mut Postgres,
    /// The port of a standby of Postgres.
    pub(crate) standby_port: u16,
}

impl Parts<'_> {
    fn control(&mut self, command: &str) -> Result<()> {
        match command.split(' ').collect::<Vec<_>>()[..] {
            ["synapse", "stop"] => self.synapse.service.kill(),
            ["synapse", "start"] => self.synapse.service.run()?,
            ["synapse", "save"] => self.synapse.save()?,
            ["synapse", "forget"] => self.synapse.forget_transactions()?,
            ["synapse", "restore"] => self.synapse.restore()?,
            ["synapse", "clone", room_id, count] => self.synapse.clone_room(room_id, count)?,
            ["postgres", "stop"] => self.postgres.kill(),
            ["standby", "stop"] => self.postgres.kill_standby(),
            ["standby", "start"] => self.postgres.start_standby(self.standby_port)?,
            ["postgres", "start"] => self.postgres.service.run()?,
            _ => bail!(
                "the commands are synapse|postgres|standby stop|start, synapse save|restore|forget, synapse clone ROOM COUNT"
            ),
        }
        Ok(())
    }
}

/// Does some work while it serves commands. The work gets the script's path.
pub(crate) fn during<T>(
    mut parts: Parts<'_>,
    dir: &Path,
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
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
        // Ends the loop above. If the loop cannot be reached, it has ended already.
        let _ = TcpStream::connect(address).and_then(|mut stream| stream.write_all(b"end\n"));
        match serving.join() {
            Ok(()) => result,
            Err(_) => bail!("the thread that controls the parts panicked"),
        }
    })
}

/// Carries one command out; returns false when there will be no more.
fn serve(mut stream: &TcpStream, parts: &mut Parts<'_>) -> bool {
    let mut line = String::new();
    if BufReader::new(stream).read_line(&mut line).is_err() {
        return true;
    }
    let command = line.trim();
    if command == "end" {
        return false;
    }
    let done = parts.control(command);
    let answer = done.map_or_else(|error: Error| format!("{error:#}"), |()| "ok".to_owned());
    // A caller that has gone away needs no answer.
    let _ = writeln!(stream, "{answer}");
    true
}

/// Writes the script: it sends its arguments, and fails unless the answer is `ok`.
fn write_script(dir: &Path, address: SocketAddr) -> Result<PathBuf> {
    let script = dir.join("parts-control");
    let (host, port) = (address.ip(), address.port());
    fs::write(
        &script,
        format!(
            "#!/usr/bin/env bash\nexec 3<>/dev/tcp/{host}/{port} && echo \"$@\" >&3 && read -r answer <&3\n\
             [ \"$answer\" = ok ] || {{ echo \"${{answer:-no answer}}\" >&2; exit 1; }}\n"
        ),
    )?;
    fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
    Ok(script)
}
