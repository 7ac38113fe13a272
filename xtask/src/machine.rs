//! A Debian machine of its own, with its own systemd and nothing but a loopback network: what the
//! Ansible roles are applied to.
//!
//! It is a root file system made once by debootstrap, in namespaces. Nothing on the real machine
//! changes, nothing is mounted where others see it, and all of it is gone when its first process is.
//! It never sees a network: the packages that the roles install lie in the image.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::Layout;
use crate::process::{Service, ServiceSpec, command, output_of, run_logged, wait_until};
use crate::progress::{note, step};
use crate::{apt, tools};

/// The release that the roles are for.
const DEBIAN: &str = "trixie";

/// What a fresh machine has.
const INSTALLED: &str = "ca-certificates,dbus,iproute2,openssh-server,python3,python3-apt,sudo,\
                         systemd,systemd-sysv";

/// What the roles install, and `node_exporter`, which shows what the canary measured.
const INSTALLABLE: [&str; 6] = [
    "logrotate",
    "nginx",
    "postgresql",
    "prometheus-node-exporter",
    "python3-psycopg2",
    "python3-venv",
];

/// Where pip finds packages in the machine.
const WHEELS: &str = "var/cache/wheels";

/// The machine's address on the outside, if it had one: from a range for documentation.
const ADDRESS: &str = "198.51.100.1";

/// The names by which the machine is known, to itself and to those in its network.
fn hosts() -> String {
    format!("127.0.0.1 localhost machine\n::1 localhost\n{ADDRESS} chat.test matrix.test\n")
}

/// Whether this process may make one: in a container, being root is not enough.
pub(crate) fn is_possible() -> bool {
    let namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc", "--fork"];
    let mounts = "mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt && \
                  mkdir /mnt/support-chat-probe && rmdir /mnt/support-chat-probe";
    let mut unshare = command("unshare");
    unshare.args(namespaces).args(["sh", "-c", mounts]);
    output_of(&mut unshare).is_some()
}

/// Makes sure of the image. `requirements` are Python packages, locked by hash, that roles install.
pub(crate) fn image(layout: &Layout, requirements: &Path) -> Result<PathBuf> {
    let _lock = tools::lock(layout)?;
    let image = layout.cache.join(format!("debian-{DEBIAN}"));
    let stamp = image.with_extension("complete");
    let locked = files::read_if_there(requirements)?.unwrap_or_default();
    let recipe = format!("{INSTALLED}\n{}\n{locked}", INSTALLABLE.join(","));
    if files::read_if_there(&stamp)?.as_deref() == Some(&recipe) {
        return Ok(image);
    }
    apt::ensure(layout, &[("debootstrap", "debootstrap")])?;
    files::remove_dir(&image)?;
    let log = layout.logs().join("debootstrap.log");
    run_logged(
        command("debootstrap")
            .args(["--variant=minbase", &format!("--include={INSTALLED}")])
            .arg(DEBIAN)
            .arg(&image),
        "making a Debian (is the network up?)",
        &log,
    )?;
    for args in [
        vec!["update"],
        [
            &[
                "install",
                "-y",
                "--download-only",
                "--no-install-recommends",
            ],
            &INSTALLABLE[..],
        ]
        .concat(),
    ] {
        run_logged(
            command("chroot").arg(&image).arg("apt-get").args(args),
            "fetching Debian's packages (is the network up?)",
            &log,
        )?;
    }
    let python = output_of(command("chroot").arg(&image).args([
        "python3",
        "-c",
        "import sys; print('%d.%d' % sys.version_info[:2])",
    ]));
    let Some(python) = python else {
        return fail("the new Debian has no Python");
    };
    let mut download = command(crate::python::find()?);
    download
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ])
        .args([
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            "--implementation=cp",
        ])
        .arg(format!("--python-version={}", python.trim()))
        .arg(format!("--abi=cp{}", python.trim().replace('.', "")))
        .args(["--abi=abi3", "--abi=none", "--platform=any"])
        .args(
            ["manylinux_2_28", "manylinux_2_17", "manylinux2014"]
                .map(|platform| format!("--platform={platform}_{}", std::env::consts::ARCH)),
        )
        .arg("--dest")
        .arg(image.join(WHEELS))
        .arg("--requirement")
        .arg(requirements);
    run_logged(
        &mut download,
        "fetching Synapse from PyPI (is the network up?)",
        &log,
    )?;
    write(
        &image,
        "etc/pip.conf",
        &format!("[global]\nno-index = true\nfind-links = /{WHEELS}\n"),
    )?;
    // In memory, nothing is gained by waiting for a disk.
    write(&image, "etc/dpkg/dpkg.cfg.d/no-sync", "force-unsafe-io\n")?;
    files::write_private(&stamp, &recipe)?;
    Ok(image)
}

/// A running machine; ends when dropped.
pub(crate) struct Machine {
    service: Option<Service>,
    /// Its first process, as seen from here.
    pid: String,
    cgroup: String,
    hosts: PathBuf,
    ssh_key: PathBuf,
}

impl Machine {
    /// Boots one whose files are those of the image and, over them, those in `seed`. What it needs
    /// itself goes into `dir`.
    pub(crate) fn start(
        layout: &Layout,
        image: &Path,
        seed: &Path,
        dir: &Path,
        run_dir: &Path,
    ) -> Result<Self> {
        let ssh_key = dir.join("ssh-key");
        make_key(&ssh_key, seed)?;
        write(seed, "etc/hosts", &hosts())?;
        write(seed, "etc/hostname", "machine\n")?;
        // Its package lists are as new as they will get.
        write(seed, "var/lib/apt/periodic/update-success-stamp", "")?;
        let hosts = dir.join("hosts");
        fs::write(&hosts, self::hosts()).context("cannot write a hosts file")?;

        let scripts = layout.root.join("xtask").join("machine");
        let cgroup = format!("support-chat-{}", std::process::id());
        let boot = scripts.join("boot.sh");
        let spec = ServiceSpec {
            name: "machine",
            log: dir.join("boot.log"),
            run_dir,
            marker: &boot,
            // With the namespaces' first process, everything in them ends.
            stop_with: Signal::KILL,
        };
        let mut start = command("unshare");
        start
            .args(["--mount", "sh"])
            .arg(scripts.join("start.sh"))
            .args([
                OsStr::new(&cgroup),
                boot.as_os_str(),
                image.as_os_str(),
                seed.as_os_str(),
                OsStr::new(ADDRESS),
            ]);
        let service = Service::start(spec, &mut start)?;
        let mut machine = Self {
            pid: String::new(),
            cgroup,
            hosts,
            ssh_key,
            service: Some(service),
        };
        machine.wait_until_up()?;
        Ok(machine)
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let Some(service) = &mut self.service else {
            return fail("the machine is not running");
        };
        let parent = service.pid();
        let mut pid = String::new();
        service.wait_ready(|| {
            let children =
                files::read_if_there(Path::new(&format!("/proc/{parent}/task/{parent}/children")))?;
            children.unwrap_or_default().trim().clone_into(&mut pid);
            // Until systemd has been executed, nsenter would find the way still closed.
            let is_systemd = fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim() == "systemd");
            Ok(is_systemd
                && output_of(enter(&pid, "systemctl").args(["is-active", "ssh.service"])).is_some())
        })?;
        self.pid = pid;
        Ok(())
    }

    /// A command in the machine.
    pub(crate) fn inside(&self, program: &str) -> Command {
        enter(&self.pid, program)
    }

    /// A command on the real machine's files, but in the machine's network, and knowing its names.
    pub(crate) fn beside(&self, program: impl AsRef<OsStr>) -> Command {
        let mut nsenter = command("nsenter");
        nsenter
            .arg(format!("--net=/proc/{}/ns/net", self.pid))
            .args(["unshare", "--mount", "sh", "-c"])
            .arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"")
            .arg(&self.hosts)
            .arg(program);
        nsenter
    }

    /// The key that opens the machine to `root` over SSH.
    pub(crate) fn ssh_key(&self) -> &Path {
        &self.ssh_key
    }

    /// What a command in the machine prints; it must succeed.
    pub(crate) fn ask(&self, program: &str, args: &[&str]) -> Result<String> {
        match output_of(self.inside(program).args(args)) {
            Some(output) => Ok(output),
            None => fail(format!(
                "{program} {} failed in the machine",
                args.join(" ")
            )),
        }
    }

    /// What is answered to a request from inside the machine: the status, and the body when it is JSON.
    pub(crate) fn http(
        &self,
        method: &str,
        url: &str,
        token: &str,
        body: &Value,
    ) -> Result<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let script = include_str!("../machine/http.py");
        let mut python = self.inside("python3");
        python.args(["-c", script, method, url, token, &body]);
        let answer = output_of(&mut python).unwrap_or_default();
        let (status, body) = answer.split_once('\n').unwrap_or_default();
        match status.parse() {
            Ok(status) => Ok((status, serde_json::from_str(body).unwrap_or_default())),
            Err(_) => fail(format!("{method} {url} was not answered in the machine")),
        }
    }
}

/// Nothing of this process's environment goes with it.
fn enter(pid: &str, program: &str) -> Command {
    let mut nsenter = command("nsenter");
    nsenter
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["--target", pid, "--all", program]);
    nsenter
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.service = None;
        let end = Path::new(env!("CARGO_MANIFEST_DIR")).join("machine/end.sh");
        let gone = wait_until(Duration::from_secs(10), || {
            let mut unshare = command("unshare");
            unshare.args(["--mount", "sh"]).arg(&end).arg(&self.cgroup);
            Ok(output_of(&mut unshare).is_some())
        });
        if !matches!(gone, Ok(true)) {
            note(format!("the control group {} is left behind", self.cgroup));
        }
    }
}

fn make_key(key: &Path, seed: &Path) -> Result<()> {
    step("SSH key", || {
        run_logged(
            command("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(key),
            "making an SSH key",
            &key.with_extension("log"),
        )
    })?;
    let public = fs::read_to_string(key.with_extension("pub")).context("no public key")?;
    write(seed, "root/.ssh/authorized_keys", &public)?;
    for (path, mode) in [("root", 0o700), ("root/.ssh", 0o700)] {
        fs::set_permissions(seed.join(path), fs::Permissions::from_mode(mode))
            .context("cannot protect a directory")?;
    }
    Ok(())
}

/// Writes a file, with its directories, that everyone may read.
pub(crate) fn write(root: &Path, path: &str, content: &str) -> Result<()> {
    let file = root.join(path);
    let dir = file.parent().unwrap_or(root);
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&file, content))
        .context(format_args!("cannot write {}", file.display()))
}
