//! What the server says of its API, in `/openapi.json` and in `docs/reference/api.md`, held against what it
//! does.

use fs_err as fs;

use crate::failure::{Result, bail};
use crate::layout::Layout;
use crate::process::{command, run_shown};
use crate::progress::step;
use crate::python;

/// Lets schemathesis look for requests that are answered otherwise than `/openapi.json` says, alone
/// and in stories that follow its links.
pub(crate) fn check(layout: &Layout, base_url: &str, extra: &[String]) -> Result<()> {
    let venv = {
        let _lock = layout.lock_cache()?;
        step("schemathesis from PyPI", || {
            python::environment(
                layout,
                "schemathesis",
                include_str!("../schemathesis-requirements.txt"),
            )
        })?
    };
    let here = layout.root.join("xtask");
    run_shown(
        command(venv.join("bin/schemathesis"))
            .arg("--config-file")
            .arg(here.join("schemathesis.toml"))
            .args(["run", &format!("{base_url}/openapi.json")])
            .args(extra)
            // It keeps notes where it is started.
            .current_dir(layout.test())
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .env("PYTHONPATH", here)
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        "schemathesis",
    )
}

/// Runs the shell commands of `docs/reference/api.md`, as a reader would.
pub(crate) fn walk_through(layout: &Layout, base_url: &str) -> Result<()> {
    let docs = layout.root.join("docs/reference/api.md");
    let text = fs::read_to_string(&docs)?;
    let commands = bash_blocks(&text);
    if commands.is_empty() {
        bail!("docs/reference/api.md has no commands to run");
    }
    let script = format!("set -euo pipefail\n{commands}");
    run_shown(
        command("bash")
            .args(["-c", &script])
            .env("BASE_URL", base_url),
        "the walk-through of docs/reference/api.md",
    )
}

/// What stands between "```bash" and "```", one block after the other.
fn bash_blocks(markdown: &str) -> String {
    let mut inside = false;
    let mut commands = String::new();
    for line in markdown.lines() {
        match (inside, line) {
            (false, "```bash") => inside = true,
            (true, "```") => inside = false,
            (true, line) => {
                commands.push_str(line);
                commands.push('\n');
            }
            (false, _) => {}
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bash_blocks_are_run() {
        let markdown = "a\n```bash\none\n\ntwo\n```\n```json\n{}\n```\n```bash\nthree\n```\nb";
        assert_eq!(bash_blocks(markdown), "one\n\ntwo\nthree\n");
    }
}
