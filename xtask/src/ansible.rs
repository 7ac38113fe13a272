//! `cargo xtask test ansible`: runs the checks in `ansible/tests` on a machine of their own.

use crate::layout::path_with;
use crate::prelude::*;
use crate::stack::Stack;
use crate::{apt, browser, python};

/// What the tests run besides Python, and the Debian packages that contain it.
const PROGRAMS: [&str; 5] = ["debootstrap", "ip", "openssl", "ssh", "systemd-analyze"];
const PACKAGES: &str = "debootstrap iproute2 openssl openssh-client systemd";

/// Checks the roles, and applies them if that is possible; in CI it must be. The artefact is built
/// only if they are applied, since that takes long.
pub(crate) fn run(layout: &Layout, stack: &mut Stack, extra: &[String]) -> Result<()> {
    let dir = layout.test().join("ansible");
    files::create_private_dir(&dir)?;
    let requirements = include_str!("../../ansible/tests/requirements.txt");
    let bin = python::programs(layout, "ansible", requirements)?;
    let ansible = layout.root.join("ansible");
    let mut pytest = command(bin.join("pytest"));
    pytest
        .args("-vx --tb=short -p no:cacheprovider --durations=0 --durations-min=1".split(' '))
        .current_dir(&ansible)
        .env("PATH", path_with(&bin)?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ANSIBLE_CONFIG", ansible.join("ansible.cfg"))
        .env("ANSIBLE_HOME", dir.join("home"))
        .env("ANSIBLE_FORCE_COLOR", "0")
        .env("NO_COLOR", "1")
        .env("ANSIBLE_TEST_DIR", &dir)
        .env("ANSIBLE_TEST_CACHE", &layout.cache)
        // The checks that take seconds come first.
        .arg("tests/test_roles.py");
    let possible = check_possible(layout);
    if std::env::var_os("CI").is_some() {
        possible?;
    } else if let Err(obstacle) = optional(possible)? {
        note(format!("the roles are not applied: {obstacle}"));
        return run_shown(pytest.args(extra), "the roles' tests");
    }
    if let Some(browser) = browser::chromium(layout)? {
        pytest.env("CHROMIUM", browser);
    }
    pytest
        .arg("tests")
        .env("ANSIBLE_TEST_ARTEFACT", &stack.artefacts()?.server);
    run_shown(pytest.args(extra), "the roles' tests")
}

/// Fails where no machine can be made.
fn check_possible(layout: &Layout) -> Result<()> {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        bail!("that takes root on Linux (the machine is a namespace)");
    }
    let all = || {
        PROGRAMS
            .iter()
            .all(|name| which(name).is_ok())
            .then_some(())
    };
    if apt::find_or_install(layout, PACKAGES, all)?.is_none() {
        bail!("that takes Debian's {PACKAGES}");
    }
    // In a container, being root is not enough.
    let mounts = "mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt && \
                  mkdir /mnt/support-chat-probe && rmdir /mnt/support-chat-probe";
    let mut unshare = line("unshare --mount --net --pid --uts --ipc --fork sh -c");
    if output_of(unshare.arg(mounts)).is_none() {
        bail!("that takes the right to make namespaces and mounts");
    }
    Ok(())
}
