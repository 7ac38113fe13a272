//! Opening the chat in a browser, compared with a minimal page. The part in the browser is in `end2end/bench`.

use std::fs;

use serde_json::Value;
use tokio::process::Command;

use crate::{
    Result, Setup,
    report::rounds::median,
    report::{Goal, Report},
};

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let output = setup.output.join("panel.json");
    let ended = Command::new("npx")
        .args(["playwright", "test", "--config=bench.config.ts"])
        .current_dir(&setup.end2end)
        .env("BENCH_ROUNDS", setup.rounds.to_string())
        .env("PANEL_OUTPUT", &output)
        .status()
        .await?;
    if !ended.success() {
        return Err("the browser's part failed".into());
    }
    let measured: Value = serde_json::from_str(&fs::read_to_string(output)?)?;
    let time = |name: &str| {
        let times = measured[name].as_array().into_iter().flatten();
        median(times.filter_map(Value::as_f64))
    };
    report.compare(
        &format!(
            "opening the panel, {} bytes: click to focused composer, Slow 4G, processor slowed 4 times",
            measured["bytes"]["panel"]
        ),
        (time("widget"), time("minimal")),
        " ms",
        "minimal page",
        Goal::AtMost(1.5),
    );
    Ok(())
}
