//! promtool, by which Prometheus checks what is written for it.

use std::path::PathBuf;

use crate::apt;
use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::process::{command, run_logged};
use crate::progress::step;

/// Checks the alert rules, and that each alert goes off when it should.
pub(crate) fn check_rules(layout: &Layout) -> Result<()> {
    let Some(promtool) = find(layout)? else {
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
    let Some(promtool) = find(layout)? else {
        return Ok(());
    };
    step("metrics", || {
        let file = layout.test().join("metrics.txt");
        files::write_private(&file, text)?;
        let log = layout.logs().join("promtool-metrics.log");
        let mut check = command(&promtool);
        check
            .args(["check", "metrics"])
            .stdin(fs_err::File::open(&file)?.into_file());
        run_logged(&mut check, "promtool check metrics", &log)
    })
}

fn find(layout: &Layout) -> Result<Option<PathBuf>> {
    apt::program(
        layout,
        "prometheus",
        "promtool",
        "alerts and metrics are not checked",
    )
}
