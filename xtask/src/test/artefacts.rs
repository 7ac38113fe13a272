//! Checks of the artefacts, like somebody who deploys them. docs/releases.md names the same commands.

use serde_json::Value;

use crate::containers::Podman;
use crate::dist::{VERSION, sha256sum};
use crate::homeserver::answers_ok;
use crate::prelude::*;
use crate::process::wait_until;
use crate::stack::Stack;
use crate::{image, python, sbom, server, signing};

/// Prints the list that `cargo auditable` put into a program: a section of it, which zlib has packed.
const READ_CRATES: &str = "import subprocess, sys, tempfile, zlib
with tempfile.NamedTemporaryFile() as section:
    command = ['objcopy', '--dump-section', '.dep-v0=' + section.name, sys.argv[1], '/dev/null']
    subprocess.run(command, check=True)
    print(zlib.decompress(section.read()).decode())";

/// The accounts and rights that a process has, as its kernel names them.
const RIGHTS: [(&str, &str); 6] = [
    ("Uid:", "10001"),
    ("Gid:", "10001"),
    ("CapEff:", "0000000000000000"),
    ("CapPrm:", "0000000000000000"),
    ("CapBnd:", "0000000000000000"),
    ("NoNewPrivs:", "1"),
];

/// Checks names, checksums, bills of materials and signatures, and runs the image.
pub(super) fn check(layout: &Layout, stack: &mut Stack, podman: Option<&Podman>) -> Result<()> {
    let made = stack.artefacts()?;
    let version = output_of(command(&made.server).arg("--version"));
    if version.as_deref() != Some(&*format!("matrix-support-chat {VERSION}\n")) {
        bail!("the server calls itself {version:?}");
    }
    let program = fs::read(&made.server)?;
    for path in files::walk(&layout.root.join("dist/widget")) {
        let content = fs::read(&path)?;
        if !program.windows(content.len()).any(|part| part == content) {
            bail!("{} is not in the server", path.display());
        }
    }
    let mut check = sha256sum();
    check.args(["--check", "--strict", "SHA256SUMS"]);
    check.current_dir(made.checksums.with_file_name(""));
    let log = layout.logs().join("sha256sum.log");
    run_logged(check, "sha256sum", &log)?;
    sbom::check_server(&made.sbom)?;
    sbom::check_package(&made.npm_sbom)?;
    check_crates(&made.server)?;
    signing::check(layout, &made.checksums)?;
    match podman.zip(made.image.as_ref()) {
        Some((podman, image)) => {
            podman.load(&image.path)?;
            let id = podman.inspect(&image::name(VERSION), "{{.Id}}")?;
            if image.id != format!("sha256:{id}") {
                bail!("podman knows the image as {id}");
            }
            check_image(stack, podman)
        }
        None => Ok(()),
    }
}

/// Checks that a program carries the list of its crates.
fn check_crates(program: &Path) -> Result<()> {
    if which("objcopy").is_err() {
        note("    without objcopy, the program's list of crates is not read");
        return Ok(());
    }
    let mut read = line(python::find()?);
    let list = output_of(read.args(["-c", READ_CRATES]).arg(program));
    let list: Value =
        serde_json::from_str(&list.context("the program has no list of its crates")?)?;
    let packages = list["packages"].as_array().cloned().unwrap_or_default();
    for name in ["matrix-sdk", "axum", "sqlx-postgres"] {
        if !packages.iter().any(|package| package["name"] == name) {
            bail!("the program's list of crates does not name {name}");
        }
    }
    Ok(())
}

/// Runs the image with no right that it does not need, and looks at it with the kernel's eyes.
fn check_image(stack: &mut Stack, podman: &Podman) -> Result<()> {
    let database = stack.database("openapi")?;
    // So that the C library that is linked in has a name to look up.
    let database = database.replace("@127.0.0.1:", "@localhost:");
    let variables = stack.environment(database, "http://127.0.0.1:1".to_owned());
    let admin = server::admin_url(stack.ports);
    step("the image in a container", || {
        podman.run("image", &image::name(VERSION), &variables)?;
        let seen = while_it_runs(podman, &format!("{admin}/healthz"));
        let log = podman.logs("image");
        let status = podman.stop("image")?;
        seen.with_context(|| log.clone())?;
        if status != "0" {
            bail!("after SIGTERM the container ends with status {status}: {log}");
        }
        Ok(())
    })
}

fn while_it_runs(podman: &Podman, health: &str) -> Result<()> {
    if !wait_until(std::time::Duration::from_mins(2), || Ok(answers_ok(health)))? {
        bail!("the container does not answer {health}");
    }
    podman.exec("image", "/matrix-support-chat healthcheck")?;
    let process = PathBuf::from("/proc").join(podman.inspect("image", "{{.State.Pid}}")?);
    let status = fs::read_to_string(process.join("status"))?;
    for (name, expected) in RIGHTS {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        if found.and_then(|values| values.split_whitespace().next()) != Some(expected) {
            bail!("the process has {name}{found:?}, and not {expected}");
        }
    }
    let mounts = fs::read_to_string(process.join("mountinfo"))?;
    let root = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some("/"));
    let options = root
        .and_then(|line| line.split(' ').nth(5))
        .unwrap_or_default();
    if !options.split(',').any(|option| option == "ro") {
        bail!("the container's root can be written to: {options}");
    }
    Ok(())
}
