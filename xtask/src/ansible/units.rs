//! The systemd units of the roles, rendered with the roles' own defaults and read by systemd. systemd
//! starts a unit with a malformed line all the same, without what that line says; so any warning fails.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Tools;
use crate::failure::{Context, Failure, Result, fail};
use crate::layout::Layout;
use crate::process::{command, run_logged};
use crate::progress::{note, step};
use crate::{apt, files, machine};

const UNITS: &str = "etc/systemd/system";

/// Units of the system that ours cannot be loaded without.
const OF_THE_SYSTEM: [(&str, &str); 4] = [
    ("basic.target", ""),
    ("shutdown.target", ""),
    ("sysinit.target", ""),
    ("postgresql.service", "[Service]\nExecStart=/bin/sh\n"),
];

/// Checks the units of every role, twice: with nothing but defaults, and with the options that change units.
pub(super) fn check(layout: &Layout, tools: &Tools, dir: &Path) -> Result<()> {
    match apt::ensure(layout, &[("systemd-analyze", "systemd")]) {
        Err(Failure::Message(_)) if std::env::var_os("CI").is_none() => {
            note("the systemd units are not checked: there is no systemd-analyze on this machine");
            return Ok(());
        }
        outcome => outcome?,
    }
    step("systemd units", || {
        let dir = dir.join("units");
        files::create_private_dir(&dir)?;
        for root in render(tools, &dir)? {
            let units = complete(&root)?;
            let mut verify = command("systemd-analyze");
            verify
                .arg("verify")
                .arg(format!("--root={}", root.display()))
                .args(units);
            verify_quietly(&mut verify, &root.with_extension("log"))?;
        }
        Ok(())
    })
}

/// Runs `systemd-analyze verify`, which reports most mistakes only as warnings: it must print nothing.
pub(super) fn verify_quietly(verify: &mut Command, log: &Path) -> Result<()> {
    run_logged(verify, "systemd-analyze verify", log)?;
    match files::last_lines(log, 1).pop() {
        None => Ok(()),
        Some(warning) => fail(format!(
            "systemd-analyze verify: {warning}; all of it: {}",
            log.display()
        )),
    }
}

/// Lets Ansible render the unit templates of each role into two root directories.
fn render(tools: &Tools, dir: &Path) -> Result<Vec<PathBuf>> {
    let roles = dir.join("roles");
    let mut names = Vec::new();
    let mut templates = BTreeSet::new();
    for role in files::list(&tools.playbooks.join("roles")) {
        let of_role = unit_templates(&role);
        if of_role.is_empty() {
            continue;
        }
        templates.extend(of_role.iter().map(|template| unit_name(template)));
        let name = role.file_name().unwrap_or_default().to_owned();
        borrow_role(&role, &roles.join(&name), &of_role)?;
        names.push(name.to_string_lossy().into_owned());
    }
    let playbook = dir.join("render.json");
    let plays = json!([{
        "name": "Units", "hosts": "all", "gather_facts": false, "roles": names,
    }]);
    files::write_private(&playbook, &plays.to_string())?;
    let roots = ["defaults", "options"].map(|host| dir.join(host));
    for root in &roots {
        fs::create_dir_all(root.join(UNITS)).context("cannot make a directory")?;
    }
    let inventory = dir.join("inventory.json");
    files::write_private(&inventory, &hosts(dir).to_string())?;

    let mut play = command(tools.bin.join("ansible-playbook"));
    tools.set_up(&mut play);
    play.env("ANSIBLE_ROLES_PATH", &roles)
        .arg("--inventory")
        .arg(&inventory)
        .arg(&playbook);
    run_logged(&mut play, "rendering the units", &dir.join("render.log"))?;
    for root in &roots {
        let rendered: BTreeSet<String> = files::list(&root.join(UNITS))
            .iter()
            .map(|unit| unit_name(unit))
            .collect();
        if rendered != templates {
            return fail(format!("{rendered:?} were rendered of {templates:?}"));
        }
    }
    Ok(roots.into())
}

/// A role with the defaults, variables and templates of another, which does nothing but render units.
fn borrow_role(from: &Path, to: &Path, templates: &[PathBuf]) -> Result<()> {
    let tasks = json!([{
        "name": "Render a unit",
        "ansible.builtin.template": {
            "src": "{{ item }}",
            "dest": format!(
                "{{{{ root }}}}/{UNITS}/{{{{ item | basename | regex_replace('[.]j2$', '') }}}}"
            ),
            "mode": "0644",
        },
        "loop": templates,
    }]);
    machine::write(to, "tasks/main.yml", &tasks.to_string())?;
    for part in ["defaults", "files", "templates", "vars"] {
        if from.join(part).is_dir() {
            symlink(from.join(part), to.join(part)).context("cannot link to a role")?;
        }
    }
    Ok(())
}

/// Two hosts, which are directories of this machine: variables that are required, and options.
fn hosts(dir: &Path) -> Value {
    let secret = "0123456789abcdef0123456789abcdef";
    json!({"all": {
        "vars": {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "root": format!("{}/{{{{ inventory_hostname }}}}", dir.display()),
            "matrix_server_name": "matrix.test",
            "matrix_registration_shared_secret": secret,
            "matrix_macaroon_secret_key": secret,
            "matrix_form_secret": secret,
            "matrix_support_chat_hostname": "chat.test",
            "matrix_support_chat_bot_mxid": "@supportbot:matrix.test",
            "matrix_support_chat_bot_password": secret,
        },
        "hosts": {
            "defaults": {},
            "options": {
                "matrix_database_host": "database.test",
                "matrix_database_password": secret,
                "matrix_support_chat_canary": true,
                "matrix_support_chat_turnstile_secret_key": secret,
            },
        },
    }})
}

/// Adds what the units name to a root directory that has nothing but them, and gives the units.
fn complete(root: &Path) -> Result<Vec<PathBuf>> {
    let units = files::list(&root.join(UNITS));
    let mut programs = BTreeSet::from(["/bin/sh".to_owned()]);
    for unit in &units {
        let text = fs::read_to_string(unit).context("cannot read a unit")?;
        programs.extend(programs_of(&text).map(str::to_owned));
    }
    for program in programs {
        let path = program.trim_start_matches('/');
        machine::write(root, path, "")?;
        fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755))
            .context("cannot make a program")?;
    }
    for (name, content) in OF_THE_SYSTEM {
        let unit = format!("[Unit]\nDescription=For tests\n{content}");
        machine::write(root, &format!("usr/lib/systemd/system/{name}"), &unit)?;
    }
    Ok(units)
}

/// The programs that a unit starts.
fn programs_of(unit: &str) -> impl Iterator<Item = &str> {
    unit.lines().filter_map(|line| {
        line.strip_prefix("Exec")?
            .split_once('=')?
            .1
            .split(' ')
            .next()
    })
}

/// The templates of a role that become units.
fn unit_templates(role: &Path) -> Vec<PathBuf> {
    const KINDS: [&str; 7] = [
        "service", "socket", "timer", "path", "mount", "target", "slice",
    ];
    let is_unit = |path: &PathBuf| {
        Path::new(&unit_name(path))
            .extension()
            .is_some_and(|kind| KINDS.iter().any(|it| kind == *it))
    };
    let mut templates = files::list(&role.join("templates"));
    templates.retain(is_unit);
    templates
}

/// The name of the unit that a template becomes.
fn unit_name(template: &Path) -> String {
    let name = template.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches(".j2").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_template_is_found() {
        let roles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ansible/roles");
        let names = |role: &str| -> Vec<String> {
            unit_templates(&roles.join(role))
                .iter()
                .map(|template| unit_name(template))
                .collect()
        };
        assert_eq!(
            names("postgres"),
            ["postgres-backup@.service", "postgres-backup@.timer"]
        );
        assert_eq!(names("matrix"), ["matrix-synapse.service"]);
        assert_eq!(names("nginx"), [""; 0]);
    }

    #[test]
    fn what_a_unit_starts_is_found() {
        let unit = "[Service]\nExecStartPre=/bin/a b\n# ExecStart=/bin/c\nExecStart=/bin/d\n";
        assert_eq!(programs_of(unit).collect::<Vec<_>>(), ["/bin/a", "/bin/d"]);
    }

    #[test]
    fn a_warning_fails_although_systemd_goes_on() {
        let log = std::env::temp_dir().join(format!("xtask-verify-{}", std::process::id()));
        let mut warn = command("sh");
        warn.args(["-c", "echo 'Unknown key, ignoring' >&2"]);
        assert!(verify_quietly(&mut warn, &log).is_err());
        assert!(verify_quietly(&mut command("true"), &log).is_ok());
        fs::remove_file(log).unwrap();
    }
}
