//! What Ansible says of a run.

use crate::failure::{Result, fail};
use crate::progress::note;

/// Fails unless a run says that it changed nothing on any host.
pub(super) fn unchanged(log: &str) -> Result<()> {
    let recap = log.rsplit("PLAY RECAP").next().unwrap_or_default();
    let hosts: Vec<&str> = recap
        .lines()
        .filter(|line| line.contains("changed="))
        .collect();
    if !hosts.is_empty() && hosts.iter().all(|line| line.contains("changed=0 ")) {
        return Ok(());
    }
    for task in changed_tasks(log) {
        note(format!("    changed again: {task}"));
    }
    fail("a run that should change nothing did")
}

/// The tasks that changed something.
pub(super) fn changed_tasks(log: &str) -> Vec<&str> {
    let mut task = "";
    let mut changed = Vec::new();
    for line in log.lines() {
        if line.starts_with("TASK [") || line.starts_with("RUNNING HANDLER [") {
            task = line.trim_end_matches('*').trim_end();
        } else if line.starts_with("changed:") && changed.last() != Some(&task) {
            changed.push(task);
        }
    }
    changed
}

/// What Ansible said of the task that failed.
pub(super) fn last_error(log: &str) -> &str {
    let from = log
        .rfind("[ERROR]")
        .or_else(|| log.rfind("fatal:"))
        .unwrap_or(0);
    let rest = &log[from..];
    rest.split("PLAY RECAP").next().unwrap_or(rest).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_and_named() {
        let log = "TASK [a] ***\nok: [m]\nTASK [b] ***\nchanged: [m] => (item=1)\nchanged: [m]\n\
                   PLAY RECAP ***\nm : ok=2 changed=1 failed=0\n";
        assert_eq!(changed_tasks(log), ["TASK [b]"]);
        assert!(unchanged(log).is_err());
        assert!(unchanged("PLAY RECAP ***\nm : ok=2 changed=0 failed=0\n").is_ok());
        assert!(unchanged("nothing ran").is_err());
    }
}
