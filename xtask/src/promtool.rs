//! promtool, Prometheus's checker of rules and metrics.

use std::process::Stdio;

use crate::apt;
use crate::prelude::*;

/// Checks the alert rules, and that each alert fires when it should.
pub(crate) fn check_rules(layout: &Layout) -> Result<()> {
    let rules = "matrix-support-chat.rules";
    run(layout, &format!("check rules {rules}.yml"), Stdio::null())?;
    run(
        layout,
        &format!("test rules {rules}.test.yml"),
        Stdio::null(),
    )
}

/// Checks the server's metrics.
pub(crate) fn check_metrics(layout: &Layout, text: &str) -> Result<()> {
    let file = layout.test().join("metrics.txt");
    files::write_private(&file, text)?;
    let metrics = fs_err::File::open(&file)?.into_file();
    run(layout, "check metrics", metrics.into())
}

fn run(layout: &Layout, words: &str, input: Stdio) -> Result<()> {
    let not_checked = "alerts and metrics are not checked";
    let Some(program) = apt::program(layout, "prometheus", "promtool", not_checked)? else {
        return Ok(());
    };
    let mut promtool = command(program);
    promtool
        .args(words.split(' '))
        .stdin(input)
        .current_dir(layout.root.join("ansible/files/prometheus"));
    let log = layout.logs().join("promtool.log");
    run_logged(promtool, &format!("promtool {words}"), &log)
}
