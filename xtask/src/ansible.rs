//! `cargo xtask test ansible`: the roles are linted, and applied for real to a machine of their own.

mod applied;
mod inventory;
mod log;
mod units;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Context, Result, fail};
use crate::files;
use crate::layout::{Layout, find_on_path};
use crate::process::{command, run_logged, run_shown};
use crate::progress::{note, step};
use crate::{apt, machine, python, tools};

use applied::Applied;

const PLAYBOOKS: [&str; 4] = ["site.yml", "backup.yml", "restore.yml", "uninstall.yml"];

/// Checks the roles; applies them where that is possible, which it must be in CI. The artefact is made
/// only for that, since it takes long.
pub(crate) fn run(
    layout: &Layout,
    dir: &Path,
    run_dir: &Path,
    artefact: impl FnOnce() -> Result<PathBuf>,
) -> Result<()> {
    let tools = Tools::get(layout, dir)?;
    tools.lint()?;
    units::check(layout, &tools, dir)?;
    if let Some(obstacle) = obstacle() {
        if std::env::var_os("CI").is_some() {
            return fail(obstacle);
        }
        note(format!("the roles are not applied: {obstacle}"));
        return Ok(());
    }
    Applied::to_a_fresh_machine(layout, tools, dir, run_dir, &artefact()?)?.check(layout)
}

/// Why no machine can be made here.
fn obstacle() -> Option<&'static str> {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        return Some("that takes root on Linux (the machine they are applied to is a namespace)");
    }
    if find_on_path(&["debootstrap"]).is_none() && !apt::is_possible() {
        return Some("that takes debootstrap");
    }
    if !machine::is_possible() {
        return Some("that takes the right to make namespaces and mounts");
    }
    None
}

/// Ansible and what checks its files.
struct Tools {
    bin: PathBuf,
    playbooks: PathBuf,
    home: PathBuf,
    logs: PathBuf,
}

impl Tools {
    fn get(layout: &Layout, dir: &Path) -> Result<Self> {
        let requirements = include_str!("../ansible-requirements.txt");
        let venv = {
            let _lock = tools::lock(layout)?;
            step("Ansible from PyPI", || {
                python::environment(layout, "ansible", requirements)
            })?
        };
        Ok(Self {
            bin: venv.join("bin"),
            playbooks: layout.root.join("ansible"),
            home: dir.join("home"),
            logs: dir.to_owned(),
        })
    }

    fn set_up(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(dirs) {
            command.env("PATH", path);
        }
        command
            .current_dir(&self.playbooks)
            .env("ANSIBLE_CONFIG", self.playbooks.join("ansible.cfg"))
            .env("ANSIBLE_HOME", &self.home)
            .env("ANSIBLE_FORCE_COLOR", "0")
            .env("NO_COLOR", "1");
    }

    fn lint(&self) -> Result<()> {
        for environment in ["staging", "production"] {
            let mut check = command(self.bin.join("ansible-playbook"));
            self.set_up(&mut check);
            check
                .args(["--syntax-check", "--inventory"])
                .arg(format!("inventories/{environment}"))
                .args(PLAYBOOKS);
            let log = self.logs.join("syntax-check.log");
            run_logged(&mut check, "ansible-playbook --syntax-check", &log)?;
        }
        let mut lint = command(self.bin.join("ansible-lint"));
        self.set_up(&mut lint);
        lint.args(["--offline", "--nocolor", "-q"]);
        step("ansible-lint", || run_shown(&mut lint, "ansible-lint"))?;
        self.check_pins()?;
        self.check_interfaces()
    }

    /// What a role's defaults document is what is checked when it begins.
    fn check_interfaces(&self) -> Result<()> {
        for dir in files::list(&self.playbooks.join("roles")) {
            let role = dir.file_name().unwrap_or_default().to_string_lossy();
            let read = |file: &str| {
                fs::read_to_string(dir.join(file)).context(format_args!("cannot read {file}"))
            };
            let documented = documented(&read("defaults/main.yml")?, &role);
            let checked = checked(&read("meta/argument_specs.yml")?);
            if let Some(name) = documented.symmetric_difference(&checked).next() {
                return fail(format!(
                    "role {role}: {name} is in defaults or in argument_specs, not in both"
                ));
            }
        }
        Ok(())
    }

    /// Everything that is installed is of a version that is named.
    fn check_pins(&self) -> Result<()> {
        for file in files::walk(&self.playbooks) {
            let text = fs::read_to_string(&file)
                .context(format_args!("cannot read {}", file.display()))?;
            if let Some(line) = unpinned(&text) {
                return fail(format!("{}: not pinned: {line}", file.display()));
            }
        }
        Ok(())
    }
}

/// The variables that a role's defaults speak of, also where they have no value.
fn documented(defaults: &str, role: &str) -> BTreeSet<String> {
    let prefix = role.replace('-', "_") + "_";
    defaults
        .lines()
        .map(|line| line.trim_start_matches("# "))
        .filter(|line| line.starts_with(&prefix))
        .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
        .collect()
}

/// The variables whose types are checked when a role begins.
fn checked(specs: &str) -> BTreeSet<String> {
    let main = specs.split("\n  main:\n").nth(1).unwrap_or_default();
    main.lines()
        // Another entry point.
        .take_while(|line| line.starts_with("    "))
        .filter_map(|line| line.strip_prefix("      "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| Some(line.split_once(':')?.0.to_owned()))
        .collect()
}

/// The first line that would install whatever is the newest.
fn unpinned(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| {
        let code = line.split('#').next().unwrap_or_default();
        let tag = code.contains(":latest") || code.contains("state: latest");
        // A requirement without a version, as `name>=1` or `name`; with one, its hashes follow.
        let loose = ["pip install ", "pip:"].iter().any(|it| code.contains(it))
            && !code.contains("--require-hashes")
            && !code.contains('\\');
        tag || loose
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_the_newest_is_found() {
        for line in [
            "image: matrixdotorg/synapse:latest",
            "    state: latest",
            "pip install matrix-synapse",
        ] {
            assert_eq!(unpinned(&format!("a: b\n{line}\n")), Some(line.trim()));
        }
        assert_eq!(
            unpinned("pip install --require-hashes -r x\n# never :latest\n"),
            None
        );
    }

    /// A problem reads the same, whoever answers it. nginx knows some codes under more than one status.
    #[test]
    fn nginx_speaks_of_problems_as_the_server_does() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |path: &str| fs::read_to_string(repository.join(path)).unwrap();
        let known = read("app/src/contract/problem.rs");
        let site = read("ansible/roles/matrix-support-chat/templates/site.conf.j2");
        let calls: Vec<Vec<&str>> = site
            .lines()
            .filter_map(|line| line.strip_prefix("{{ problem(")?.split_once(") }}"))
            .map(|(call, _)| call.splitn(3, ", ").collect())
            .collect();
        assert_eq!(calls.len(), 5, "{calls:?}");
        for call in calls {
            let [status, code, title] = call[..] else {
                panic!("{call:?}")
            };
            let entry = known
                .split(';')
                .find(|entry| entry.contains(&format!("\"{}\"", code.trim_matches('\''))))
                .unwrap_or_else(|| panic!("{code} is no code of the API"));
            assert!(
                entry.contains(&format!("\"{}\"", title.trim_matches('\''))),
                "{title}"
            );
            assert!(status == "status" || entry.contains(status), "{status}");
        }
    }

    #[test]
    fn variables_are_found_on_both_sides() {
        let names = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
        let defaults = "---\n# A b: c.\na_b_x: 1\n# a_b_y:\n# a_c_z:\na_b_m:\n  a_b_in_it: 2\n";
        assert_eq!(
            names(documented(defaults, "a-b")),
            ["a_b_m", "a_b_x", "a_b_y"]
        );
        let specs = "---\nargument_specs:\n  main:\n    options:\n      a_b_x:\n        type: int\n      \
                     a_b_y:\n        options:\n          name: {}\n  other:\n    options:\n      a_b_z:\n";
        assert_eq!(names(checked(specs)), ["a_b_x", "a_b_y"]);
    }
}
