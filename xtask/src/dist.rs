//! `cargo xtask dist`: what is deployed and published, in `dist/`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::failure::{Context, Result, bail};
use crate::files;
use crate::interruption::watch_signals;
use crate::layout::{Layout, find_on_path};
use crate::process::{command, output_of, run_logged};
use crate::progress::note;
use crate::server::{self, Profile};
use crate::{bundle, node, npm_package, sbom, widget};

/// All artefacts have the workspace's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The file of checksums beside the artefacts.
pub(crate) const CHECKSUMS: &str = "SHA256SUMS";

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
    let package = npm_package::pack(layout)?;
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
    npm_package: &Path,
    profile: Profile,
) -> Result<Artefacts> {
    let Some(target) = host_target(layout) else {
        bail!("rustc does not say what it compiles for");
    };
    fs::create_dir_all(dir)?;
    let npm_package = copy_into(dir, npm_package)?;
    let name = artefact_name(VERSION, &target, profile);
    let built = server::build_portable(layout, profile)?;
    let server = dir.join(&name);
    // A program that runs cannot be overwritten, but it can be replaced.
    let beside = dir.join(format!("{name}.new"));
    fs::copy(&built, &beside)
        .and_then(|_| fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&beside, &server))?;
    let sbom = dir.join(format!("{name}.cdx.json"));
    sbom::write(layout, &target, &sbom)?;
    let checksums = write_checksums(dir, &[&server, &npm_package, &sbom])?;
    add_integrity(layout, &checksums)?;
    Ok(Artefacts {
        server,
        npm_package,
        sbom,
        checksums,
    })
}

/// Checks the artefacts as somebody does who deploys them.
pub(crate) fn check(layout: &Layout, made: &Artefacts) -> Result<()> {
    let version = output_of(command(&made.server).arg("--version"));
    if version.as_deref() != Some(&*format!("matrix-support-chat {VERSION}\n")) {
        bail!("the server calls itself {version:?}");
    }
    let program = fs::read(&made.server)?;
    let in_it = |content: &[u8]| program.windows(content.len()).any(|part| part == content);
    for path in files::walk(&layout.root.join("dist/widget")) {
        let content = fs::read(&path)?;
        if !in_it(&content) {
            bail!("{} is not in the server", path.display());
        }
    }
    if find_on_path(&["sha256sum"]).is_some() {
        let dir = made.checksums.parent().unwrap_or(Path::new("."));
        let mut check = command("sha256sum");
        check
            .args(["--check", "--strict"])
            .arg(&made.checksums)
            .current_dir(dir);
        run_logged(
            &mut check,
            "sha256sum",
            &layout.logs().join("sha256sum.log"),
        )?;
    }
    sbom::check(&made.sbom)
}

fn copy_into(dir: &Path, file: &Path) -> Result<PathBuf> {
    let to = dir.join(file.file_name().unwrap_or_default());
    if to != file {
        fs::copy(file, &to)?;
    }
    Ok(to)
}

/// The target of programs for this machine.
fn host_target(layout: &Layout) -> Option<String> {
    let about = output_of(command("rustc").arg("-vV").current_dir(&layout.root))?;
    let target = about.lines().find_map(|line| line.strip_prefix("host: "))?;
    Some(target.to_owned())
}

/// The name of the server's artefact. It says when the build is for debugging, so that nobody deploys that by mistake.
fn artefact_name(version: &str, target: &str, profile: Profile) -> String {
    let suffix = match profile {
        Profile::Release => "",
        Profile::Debug => "-debug",
    };
    format!("matrix-support-chat-{version}-{target}{suffix}")
}

/// Puts the checksums of these files beside them.
pub(crate) fn write_checksums(dir: &Path, of: &[&Path]) -> Result<PathBuf> {
    let lines: String = of
        .iter()
        .map(|path| checksum_line(path))
        .collect::<Result<_>>()?;
    let checksums = dir.join(CHECKSUMS);
    fs::write(&checksums, lines)?;
    Ok(checksums)
}

/// Adds, as comments, what pages give as `integrity` for the scripts that the server serves.
fn add_integrity(layout: &Layout, checksums: &Path) -> Result<()> {
    let path = layout.root.join("dist/widget").join(bundle::INTEGRITY);
    let json = fs::read_to_string(&path)?;
    let integrity = serde_json::from_str(&json).context(format_args!("in {}", path.display()))?;
    let mut text = fs::read_to_string(checksums)?;
    text += &integrity_lines(&integrity);
    fs::write(checksums, text)?;
    Ok(())
}

fn integrity_lines(integrity: &BTreeMap<String, String>) -> String {
    let line = |(name, hash)| format!("# {hash}  /widget/{VERSION}/{name}\n");
    integrity.iter().map(line).collect()
}

/// As `sha256sum` writes it.
fn checksum_line(path: &Path) -> Result<String> {
    let content = fs::read(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!(
        "{}  {name}\n",
        files::hex(&Sha256::digest(content))
    ))
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
        assert_eq!(
            name(Profile::Release),
            "matrix-support-chat-1.2.3-x86_64-unknown-linux-gnu"
        );
        assert_eq!(
            name(Profile::Debug),
            "matrix-support-chat-1.2.3-x86_64-unknown-linux-gnu-debug"
        );
    }
}
