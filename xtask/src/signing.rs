//! Signatures of checksums, by minisign.

use std::io::{Seek, Write};
use std::process::Stdio;

use crate::apt;
use crate::prelude::*;

/// Where the secret key is, and its password where it has one.
const KEY: &str = "MINISIGN_SECRET_KEY_FILE";
const PASSWORD: &str = "MINISIGN_PASSWORD";

/// Signs a file with the key that the environment names, into a file beside it. Without a key, there is no signature.
pub(crate) fn sign(layout: &Layout, file: &Path) -> Result<Option<PathBuf>> {
    let signature = signature_of(file);
    // One of another content would be worse than none.
    if signature.exists() {
        fs::remove_file(&signature)?;
    }
    let Some(key) = std::env::var_os(KEY).filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    let password = std::env::var(PASSWORD).unwrap_or_default();
    sign_with(layout, file, Path::new(&key), &password)?;
    Ok(Some(signature))
}

fn sign_with(layout: &Layout, file: &Path, key: &Path, password: &str) -> Result<()> {
    let name = file.file_name().unwrap_or_default().display();
    let comment = format!("matrix-support-chat {} {name}", env!("CARGO_PKG_VERSION"));
    let mut sign = command(program(layout)?);
    sign.arg("-S")
        .args(["-t", &comment, "-s"])
        .arg(std::path::absolute(key)?)
        .arg("-m")
        .arg(file);
    step("signature", || {
        // It reads the password of the key from its standard input.
        let mut input = tempfile::tempfile()?;
        writeln!(input, "{password}")?;
        input.rewind()?;
        sign.stdin(Stdio::from(input));
        run_logged(sign, "minisign", &layout.logs().join("minisign.log"))
    })
}

/// Where the signature of a file is.
fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Minisign, which says no version to those who ask as they ask others.
fn program(layout: &Layout) -> Result<PathBuf> {
    apt::find_or_install(layout, "minisign", || which("minisign").ok())?
        .context("install minisign, which signs")
}

/// Checks, with a key made for that, that a signature is good, and that one of something else is not.
pub(crate) fn check(layout: &Layout, file: &Path) -> Result<()> {
    let program = match program(layout) {
        Err(reason) if std::env::var_os("CI").is_none() => {
            note(format!("    no signature is checked: {reason}"));
            return Ok(());
        }
        found => found?,
    };
    let dir = layout.test().join("signing");
    files::create_private_dir(&dir)?;
    let log = layout.logs().join("minisign.log");
    let minisign = |words: &str| {
        let mut minisign = command(&program);
        minisign.args(words.split(' ')).current_dir(&dir);
        minisign
    };
    run_logged(minisign("-G -f -W -p key.pub -s key"), "a key", &log)?;
    let signed = dir.join("SHA256SUMS");
    fs::copy(file, &signed)?;
    sign_with(layout, &signed, &dir.join("key"), "")?;
    let verify = "-V -p key.pub -m SHA256SUMS";
    run_logged(minisign(verify), "minisign -V", &log)?;
    fs::write(&signed, "something else")?;
    if output_of(minisign(verify)).is_some() {
        bail!("a signature holds for something else");
    }
    Ok(())
}
