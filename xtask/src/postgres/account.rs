//! The account that runs Postgres.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use fs_err as fs;

use super::binaries::Binaries;
use crate::failure::{Context, Result, bail, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{command, output_of};

/// The account that runs Postgres, which refuses to run as root.
pub(super) enum Account {
    /// Ours, which is not root.
    Own,
    /// Ours, but under another number in a user namespace: it still owns its files.
    Namespace,
    /// One without privileges, which then owns the data.
    Unprivileged { uid: u32, gid: u32 },
}

impl Account {
    pub(super) fn choose(layout: &Layout, binaries: &Binaries, dir: &Path) -> Result<Self> {
        files::create_private_dir(dir)?;
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::Own);
        }
        if output_of(Self::Namespace.command(Path::new("true")).arg("--version")).is_some() {
            return Ok(Self::Namespace);
        }
        let passwd = files::read_if_there(Path::new("/etc/passwd"))?.unwrap_or_default();
        let Some((uid, gid)) = unprivileged_account(&passwd) else {
            bail!("Postgres refuses to run as root: run this as an ordinary user");
        };
        let account = Self::Unprivileged { uid, gid };
        account.hand_over(dir)?;
        // It need not look into the directories above its own, only pass through.
        for parent in dir
            .ancestors()
            .skip(1)
            .take_while(|it| it.starts_with(&layout.dev))
        {
            fs::set_permissions(parent, std::fs::Permissions::from_mode(0o711))?;
        }
        let reach = account
            .command(Path::new("sh"))
            .args(["-c", "test -w \"$0\" && \"$1\" --version"])
            .arg(dir)
            .arg(binaries.dir.join("initdb"))
            .output();
        if reach.is_ok_and(|output| output.status.success()) {
            return Ok(account);
        }
        fail(format!(
            "Postgres refuses to run as root, and an account without privileges cannot reach {} \
             and {}: move the repository (or XTASK_CACHE) to where others may pass, or run this \
             as an ordinary user",
            dir.display(),
            binaries.dir.display()
        ))
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut wrapped = match self {
            Self::Own => return command(program),
            Self::Namespace => {
                let mut unshare = command("unshare");
                unshare.args(["--user", "--map-user=1000", "--map-group=1000", "--"]);
                unshare
            }
            Self::Unprivileged { uid, gid } => {
                let mut setpriv = command("setpriv");
                setpriv
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"));
                setpriv.args(["--clear-groups", "--"]);
                setpriv
            }
        };
        wrapped.arg(program);
        wrapped
    }

    pub(super) fn hand_over(&self, path: &Path) -> Result<()> {
        if let Self::Unprivileged { uid, gid } = self {
            chown(path, Some(*uid), Some(*gid))
                .context(format_args!("cannot hand {} over", path.display()))?;
        }
        Ok(())
    }
}

/// User and group of the account `postgres`, else `nobody`.
fn unprivileged_account(passwd: &str) -> Option<(u32, u32)> {
    ["postgres", "nobody"].iter().find_map(|wanted| {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        let mut ids = line.split(':').skip(2);
        Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_privileges_is_chosen() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/sbin/nologin\n";
        assert_eq!(unprivileged_account(passwd), Some((65534, 65533)));
        let with_postgres = format!("{passwd}postgres:x:105:113::/var/lib/postgresql:/bin/sh\n");
        assert_eq!(unprivileged_account(&with_postgres), Some((105, 113)));
        assert_eq!(unprivileged_account("root:x:0:0::/root:/bin/sh"), None);
    }
}
