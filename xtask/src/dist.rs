//! `cargo xtask dist`: builds everything that is deployed and published, in `dist/`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use crate::image::{self, Content, Sources};
use crate::prelude::*;
use crate::server::{self, Profile};
use crate::{node, sbom, signing, widget};

/// All artefacts have the workspace's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The artefacts that were made.
pub(crate) struct Artefacts {
    /// The program: migrations, pages and widget are in it.
    pub(crate) server: PathBuf,
    npm_package: PathBuf,
    pub(crate) sbom: PathBuf,
    pub(crate) npm_sbom: PathBuf,
    /// The container image, where the program runs on Linux.
    pub(crate) image: Option<ImageFile>,
    pub(crate) checksums: PathBuf,
    signature: Option<PathBuf>,
}

/// An image as a file.
pub(crate) struct ImageFile {
    pub(crate) path: PathBuf,
    /// The digest by which container tools know it.
    pub(crate) id: String,
}

impl Artefacts {
    /// All files whose checksums are given.
    fn files(&self) -> Vec<&Path> {
        let always = [&self.server, &self.npm_package, &self.sbom, &self.npm_sbom];
        let always = always
            .into_iter()
            .chain(self.image.as_ref().map(|it| &it.path));
        always.map(PathBuf::as_path).collect()
    }
}

/// Builds everything, and says where it is.
pub(crate) fn run(layout: &Layout, profile: Profile) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    widget::build(layout)?;
    let package = widget::pack(layout)?;
    let made = make(layout, &layout.root.join("dist"), &package, profile)?;
    for path in made.files() {
        note(path.display());
    }
    note(made.checksums.display());
    match made.signature {
        Some(signature) => note(signature.display()),
        None => note("not signed: MINISIGN_SECRET_KEY_FILE names no key"),
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
    sbom::write_server(layout, target, &sbom)?;
    let npm_sbom = npm_package.with_extension("cdx.json");
    sbom::write_package(layout, &npm_sbom)?;
    let image = match image::architecture(target) {
        Some(_) => Some(make_image(layout, &server, &sbom, target, profile)?),
        None => None,
    };
    let mut made = Artefacts {
        server,
        npm_package,
        sbom,
        npm_sbom,
        image,
        checksums: dir.join("SHA256SUMS"),
        signature: None,
    };
    let names = made.files();
    let names = names.iter().filter_map(|path| path.file_name());
    let sums = output_of(sha256sum().args(names).current_dir(dir));
    // Pages give these as `integrity` for the scripts that the server serves.
    let integrity = fs::read_to_string(layout.root.join("dist/widget/integrity.json"))?;
    let integrity = integrity_lines(&serde_json::from_str(&integrity)?);
    fs::write(
        &made.checksums,
        sums.context("sha256sum fails")? + &integrity,
    )?;
    made.signature = signing::sign(layout, &made.checksums)?;
    Ok(made)
}

/// Makes the image, beside the server and named after it.
fn make_image(
    layout: &Layout,
    server: &Path,
    sbom: &Path,
    target: &str,
    profile: Profile,
) -> Result<ImageFile> {
    let program = fs::read(server::build_static(layout, profile)?)?;
    let image = step("container image", || {
        image::make(Content {
            version: VERSION,
            target,
            program: &program,
            sbom: fs::read_to_string(sbom)?,
            sources: Sources::find(layout),
        })
    })?;
    // A debug build is several times larger, and nobody pulls it.
    if profile == Profile::Release && image.size > image::MAX_BYTES {
        bail!(
            "the image has {} bytes, more than {}",
            image.size,
            image::MAX_BYTES
        );
    }
    note(format!("    {}, {} bytes", image.id, image.size));
    let mut path = server.as_os_str().to_owned();
    path.push(".oci.tar");
    fs::write(&path, image.archive)?;
    Ok(ImageFile {
        path: path.into(),
        id: image.id,
    })
}

/// sha256sum, or the same on macOS.
pub(crate) fn sha256sum() -> std::process::Command {
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
