//! promtool, by which Prometheus checks what is written for it.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure, Result, fail};
use crate::files;
use crate::layout::{Layout, find_on_path};
use crate::process::{command, output_of, run_logged};
use crate::progress::{note, step};
use crate::{apt, tools};

/// The package that has it.
const PACKAGE: &str = "prometheus";

/// Checks the alert rules, and that each alert goes off when it should.
pub(crate) fn check_rules(layout: &Layout) -> Result<()> {
    let Some(promtool) = find_or_get(layout)? else {
        return Ok(());
    };
    let dir = layout.root.join("ansible/files/prometheus");
    let log = layout.logs().join("promtool-rules.log");
    step("alert rules", || {
        for (kind, file) in [
            ("check", "matrix-support-chat.rules.yml"),
            ("test", "matrix-support-chat.rules.test.yml"),
        ] {
            let mut check = command(&promtool);
            check.args([kind, "rules", file]).current_dir(&dir);
            run_logged(&mut check, &format!("promtool {kind} rules"), &log)?;
        }
        Ok(())
    })
}

/// Checks what the server says of itself.
pub(crate) fn check_metrics(layout: &Layout, text: &str) -> Result<()> {
    let Some(promtool) = find_or_get(layout)? else {
        return Ok(());
    };
    step("metrics", || {
        let file = layout.test().join("metrics.txt");
        files::write_private(&file, text)?;
        let input = File::open(&file).context("cannot read the metrics")?;
        let log = layout.logs().join("promtool-metrics.log");
        let mut check = command(&promtool);
        check.args(["check", "metrics"]).stdin(input);
        run_logged(&mut check, "promtool check metrics", &log)
    })
}

/// The program. Where there is none to be had it is said, and in CI that is a failure.
fn find_or_get(layout: &Layout) -> Result<Option<PathBuf>> {
    let cached = layout.tools_bin().join("promtool");
    let known = [find_on_path(&["promtool"]), Some(cached.clone())];
    if let Some(found) = known.into_iter().flatten().find(|path| runs(path)) {
        return Ok(Some(found));
    }
    let got = {
        let _lock = tools::lock(layout)?;
        step("promtool from Debian", || download(layout, &cached))
    };
    match got {
        Ok(()) => Ok(Some(cached)),
        Err(Failure::Interrupted) => Err(Failure::Interrupted),
        Err(Failure::Message(reason)) if std::env::var_os("CI").is_some() => fail(reason),
        Err(Failure::Message(reason)) => {
            note(format!(
                "alerts and metrics are not checked: no promtool ({reason})"
            ));
            Ok(None)
        }
    }
}

fn runs(promtool: &Path) -> bool {
    output_of(command(promtool).arg("--version")).is_some()
}

/// Out of its package, which is not installed: that would start a Prometheus.
fn download(layout: &Layout, to: &Path) -> Result<()> {
    apt::take(layout, PACKAGE, "promtool", to)?;
    if runs(to) {
        return Ok(());
    }
    fail("it does not run here")
}
