//! Podman, for images. All that it stores lies in a directory of its own, and goes with it.

use std::process::Command;

use crate::apt;
use crate::prelude::*;

/// What podman needs on Debian. None of these packages starts a service where systemd does not run.
const PACKAGES: &str = "podman runc conmon netavark aardvark-dns iptables";

/// The configuration of engine and storage. It needs no systemd, and shares nothing with another podman of this machine.
fn configuration(dir: &Path) -> (String, String) {
    let dir = dir.display();
    let engine = format!(
        r#"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{dir}/tmp"
static_dir = "{dir}/static"
volume_path = "{dir}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "{dir}/networks"
"#
    );
    // Images are copied and not mounted, so that a directory is all that there is to remove.
    let storage = format!(
        r#"
[storage]
driver = "vfs"
graphroot = "{dir}/storage"
runroot = "{dir}/run"
"#
    );
    (engine, storage)
}

/// A podman with storage of its own. Dropping it removes its containers.
pub(crate) struct Podman {
    program: PathBuf,
    dir: PathBuf,
    log: PathBuf,
}

impl Podman {
    /// Makes sure of podman; `None`, after a note, where it is not to be had. In CI that is a failure.
    pub(crate) fn open(layout: &Layout) -> Result<Option<Self>> {
        let program = if rustix::process::geteuid().is_root() {
            let find = || which("podman").ok().filter(|_| which("runc").is_ok());
            apt::find_or_install(layout, PACKAGES, find)?
        } else {
            None
        };
        let Some(program) = program else {
            if std::env::var_os("CI").is_some() {
                bail!("the image cannot be run: that takes root, and Debian's {PACKAGES}");
            }
            note("    the image is not run: that takes root, and podman with runc");
            return Ok(None);
        };
        let dir = layout.test().join("containers");
        files::create_private_dir(&dir)?;
        let (engine, storage) = configuration(&dir);
        fs::write(dir.join("containers.conf"), engine)?;
        fs::write(dir.join("storage.conf"), storage)?;
        let log = layout.logs().join("podman.log");
        Ok(Some(Self { program, dir, log }))
    }

    /// The variables by which any program uses this podman.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("CONTAINERS_CONF", self.dir.join("containers.conf")),
            ("CONTAINERS_STORAGE_CONF", self.dir.join("storage.conf")),
        ]
    }

    /// Podman with these words.
    fn line(&self, words: &str) -> Command {
        let mut podman = command(&self.program);
        podman.args(words.split_whitespace()).envs(self.variables());
        podman
    }

    /// Loads an image from an archive.
    pub(crate) fn load(&self, archive: &Path) -> Result<()> {
        let mut load = self.line("load --quiet --input");
        run_logged(load.arg(archive), "podman load", &self.log)
    }

    /// What podman knows of an image or a container, by a template.
    pub(crate) fn inspect(&self, name: &str, template: &str) -> Result<String> {
        let mut inspect = self.line("inspect --format");
        let answer = output_of(inspect.args([template, name]));
        let answer = answer.with_context(|| format!("podman knows no {name}"))?;
        Ok(answer.trim().to_owned())
    }

    /// Runs a program in a running container; it fails with the program.
    pub(crate) fn exec(&self, name: &str, words: &str) -> Result<()> {
        let mut exec = self.line("exec");
        run_logged(
            exec.arg(name).args(words.split_whitespace()),
            "podman exec",
            &self.log,
        )
    }

    /// Runs an image in a container that is let do as little as possible, on the network of this machine.
    pub(crate) fn run(
        &self,
        name: &str,
        image: &str,
        variables: &[(&'static str, String)],
    ) -> Result<()> {
        let mut run = self.line(
            "run --detach --read-only --read-only-tmpfs=false --cap-drop=all \
             --security-opt=no-new-privileges --network=host --name",
        );
        run.arg(name);
        for (name, value) in variables {
            // Podman takes the value from its own environment.
            run.args(["--env", name]).env(name, value);
        }
        run_logged(run.arg(image), "podman run", &self.log)
    }

    /// Asks a container to end, and gives its exit status.
    pub(crate) fn stop(&self, name: &str) -> Result<String> {
        let mut stop = self.line("stop --time=60");
        run_logged(stop.arg(name), "podman stop", &self.log)?;
        self.inspect(name, "{{.State.ExitCode}}")
    }

    /// The last words of a container.
    pub(crate) fn logs(&self, name: &str) -> String {
        let mut logs = self.line("logs --tail=15");
        output_of(logs.arg(name)).unwrap_or_default()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let remove = self.line("rm --all --force --time=5");
        let _ = run_logged(remove, "podman rm", &self.log);
    }
}
