//! `cargo xtask test ansible`: what `ansible/tests` checks of the roles, on a machine of their own.

use std::path::{Path, PathBuf};

use crate::failure::{Context, Result, fail};
use crate::layout::{Layout, find_on_path};
use crate::process::{command, output_of, run_shown};
use crate::progress::{note, step};
use crate::{apt, python, smoke};

/// What the tests run beside Python, with Debian's packages.
const PROGRAMS: [(&str, &str); 5] = [
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("openssl", "openssl"),
    ("ssh", "openssh-client"),
    ("systemd-analyze", "systemd"),
];

/// Checks the roles; applies them where that is possible, which it must be in CI. The artefact is made
/// only for that, since it takes long.
pub(crate) fn run(
    layout: &Layout,
    dir: &Path,
    extra: &[String],
    artefact: impl FnOnce() -> Result<PathBuf>,
) -> Result<()> {
    let requirements = include_str!("../../ansible/tests/requirements.txt");
    let bin = {
        let _lock = layout.lock_cache()?;
        step("Ansible from PyPI", || {
            python::environment(layout, "ansible", requirements)
        })?
        .join("bin")
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        [bin.clone()]
            .into_iter()
            .chain(std::env::split_paths(&path)),
    )
    .context("PATH cannot hold the cache's directory")?;
    let ansible = layout.root.join("ansible");
    let mut pytest = command(bin.join("pytest"));
    pytest
        .args("-vx --tb=short -p no:cacheprovider --durations=0 --durations-min=1".split(' '))
        .current_dir(&ansible)
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ANSIBLE_CONFIG", ansible.join("ansible.cfg"))
        .env("ANSIBLE_HOME", dir.join("home"))
        .env("ANSIBLE_FORCE_COLOR", "0")
        .env("NO_COLOR", "1")
        .env("ANSIBLE_TEST_DIR", dir)
        .env("ANSIBLE_TEST_CACHE", &layout.cache);
    // What takes seconds comes first.
    pytest.arg("tests/test_roles.py");
    match obstacle(layout) {
        Some(obstacle) if std::env::var_os("CI").is_some() => return fail(obstacle),
        Some(obstacle) => {
            note(format!("the roles are not applied: {obstacle}"));
        }
        None => {
            if let Some(browser) = smoke::prepare(layout)? {
                pytest.env("CHROMIUM", browser);
            }
            pytest
                .arg("tests")
                .env("ANSIBLE_TEST_ARTEFACT", artefact()?);
        }
    }
    run_shown(pytest.args(extra), "the roles' tests")
}

/// Why no machine can be made here.
fn obstacle(layout: &Layout) -> Option<String> {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        return Some("that takes root on Linux (the machine is a namespace)".to_owned());
    }
    if find_on_path(&["debootstrap"]).is_none() && !apt::is_possible() {
        return Some("that takes debootstrap".to_owned());
    }
    if let Err(failure) = apt::ensure(layout, &PROGRAMS) {
        return Some(failure.to_string());
    }
    // In a container, being root is not enough.
    let mounts = "mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt && \
                  mkdir /mnt/support-chat-probe && rmdir /mnt/support-chat-probe";
    let mut unshare = command("unshare");
    unshare.args("--mount --net --pid --uts --ipc --fork sh -c".split(' '));
    output_of(unshare.arg(mounts))
        .is_none()
        .then(|| "that takes the right to make namespaces and mounts".to_owned())
}
