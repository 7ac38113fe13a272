//! `cargo xtask dist`: builds everything that is deployed and published, in `dist/`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use crate::prelude::*;
use crate::server::{self, Profile};
use crate::{node, sbom, widget};

/// All artefacts have the workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The artefacts that were made.
pub(crate) struct Artefacts {
    /// The program: migrations, pages and widget are in it.
    pub(crate) server: PathBuf,
    npm_package: PathBuf,
    sbom: PathBuf,
    checksums: PathBuf,
}

/// Builds everything, and says where it is.
pub(crate) fn run(layout: &Layout, profile: Profile) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    widget::build(layout)?;
    let package = widget::pack(layout)?;
    let made = make(layout, &layout.root.join("dist"), &package, profile)?;
    for path in [&made.server, &made.npm_package, &made.sbom, &made.checksums] {
        note(path.display());
    }
    Ok(())
}

/// Puts all artefacts into a directory. The widget has been built, and the npm package packed.
pub(crate) fn make(
    layout: &Layout,
    dir: &Path,
    package: &Path,
    profile: Profile,
) -> Result<Artefacts> {
    let about = output_of(layout.line("rustc -vV")).unwrap_or_default();
    let target = about.lines().find_map(|line| line.strip_prefix("host: "));
    let target = target.context("rustc does not say what it compiles for")?;
    fs::create_dir_all(dir)?;
    let npm_package = dir.join(package.file_name().unwrap_or_default());
    if npm_package != package {
        fs::copy(package, &npm_package)?;
    }
    let name = artefact_name(VERSION, target, profile);
    let server = dir.join(&name);
    // A program that runs cannot be overwritten, but it can be replaced.
    let beside = dir.join(format!("{name}.new"));
    fs::copy(server::build_portable(layout, profile)?, &beside)?;
    fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755))?;
    fs::rename(&beside, &server)?;
    let sbom = dir.join(format!("{name}.cdx.json"));
    sbom::write(layout, target, &sbom)?;
    let checksums = dir.join("SHA256SUMS");
    let sums = output_of(
        sha256sum()
            .args([&server, &npm_package, &sbom].map(|path| path.file_name().unwrap_or_default()))
            .current_dir(dir),
    );
    // Pages use these as the `integrity` of the scripts that the server serves.
    let integrity = fs::read_to_string(layout.root.join("dist/widget/integrity.json"))?;
    let integrity = integrity_lines(&serde_json::from_str(&integrity)?);
    fs::write(&checksums, sums.context("sha256sum fails")? + &integrity)?;
    Ok(Artefacts {
        server,
        npm_package,
        sbom,
        checksums,
    })
}

/// Checks the artefacts as somebody who deploys them would.
pub(crate) fn check(layout: &Layout, made: &Artefacts) -> Result<()> {
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
    sbom::check(&made.sbom)
}

/// sha256sum, or the same on macOS.
fn sha256sum() -> std::process::Command {
    if which("sha256sum").is_ok() {
        line("sha256sum")
    } else {
        line("shasum --algorithm 256")
    }
}

/// The name of the server's artefact. It says when the build is for debugging, so that nobody deploys that by mistake.
fn artefact_name(version: &str, target: &str, profile: Profile) -> String {
    let suffix = match profile {
        Profile::Release => "",
        Profile::Debug => "-debug",
    };
    format!("matrix-support-chat-{version}-{target}{suffix}")
}

/// The `integrity` of each script, as comments.
fn integrity_lines(integrity: &BTreeMap<String, String>) -> String {
    let line = |(name, hash)| format!("# {hash}  /widget/{VERSION}/{name}\n");
    integrity.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_need_for_integrity_is_a_comment() {
        let integrity = BTreeMap::from([("a.js".to_owned(), "sha384-x".to_owned())]);
        let line = integrity_lines(&integrity);
        assert_eq!(line, format!("# sha384-x  /widget/{VERSION}/a.js\n"));
    }

    #[test]
    fn a_name_says_version_and_target_and_whether_it_is_for_use() {
        let name = |profile| artefact_name("1.2.3", "x86_64-unknown-linux-gnu", profile);
        let release = "matrix-support-chat-1.2.3-x86_64-unknown-linux-gnu";
        assert_eq!(name(Profile::Release), release);
        assert_eq!(name(Profile::Debug), format!("{release}-debug"));
    }
}
