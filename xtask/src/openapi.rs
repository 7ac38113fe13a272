//! Checks that the descriptions of the API, `/openapi.json` and `docs/reference/api.md`, agree with the server.

use crate::prelude::*;
use crate::python;

/// Lets schemathesis look for requests whose answers contradict `/openapi.json`, alone and in sequences that follow its
/// links.
pub(crate) fn check(layout: &Layout, base_url: &str, extra: &[String]) -> Result<()> {
    let requirements = include_str!("../schemathesis-requirements.txt");
    let bin = python::programs(layout, "schemathesis", requirements)?;
    let here = layout.root.join("xtask");
    let mut schemathesis = command(bin.join("schemathesis"));
    schemathesis
        .arg("--config-file")
        .arg(here.join("schemathesis.toml"))
        .args(["run", &format!("{base_url}/openapi.json")])
        .args(extra)
        // schemathesis writes notes into the current directory.
        .current_dir(layout.test())
        .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
        .env("PYTHONPATH", here)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run_shown(schemathesis, "schemathesis")
}

/// Runs the shell commands of `docs/reference/api.md`, as a reader would.
pub(crate) fn walk_through(layout: &Layout, base_url: &str) -> Result<()> {
    let text = fs::read_to_string(layout.root.join("docs/reference/api.md"))?;
    let commands = bash_blocks(&text);
    if commands.is_empty() {
        bail!("docs/reference/api.md has no commands to run");
    }
    let mut bash = line("bash -euo pipefail -c");
    bash.arg(commands).env("BASE_URL", base_url);
    run_shown(bash, "the walk-through of docs/reference/api.md")
}

/// The blocks between "```bash" and "```".
fn bash_blocks(markdown: &str) -> String {
    let blocks = markdown.split("\n```bash\n").skip(1);
    blocks
        .filter_map(|block| Some(block.split_once("\n```")?.0.to_owned() + "\n"))
        .collect()
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
