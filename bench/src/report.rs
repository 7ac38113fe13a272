//! What came out: a table for people, and JSON.

use std::{fmt::Write as _, fs, time::Duration};

use serde_json::{Value, json};

use crate::{Result, Setup};

/// A figure beside its limit.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) work: String,
    pub(crate) figure: String,
    pub(crate) limit: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) to_reach: String,
    pub(crate) reached: Option<bool>,
}

/// Everything measured, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

/// How a ratio is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Said for information.
    None,
}

impl Report {
    /// A figure, its limit, and how the first relates to the second.
    pub(crate) fn compare(
        &mut self,
        work: &str,
        (figure, value): (String, f64),
        (limit, limit_value): (String, f64),
        goal: Goal,
    ) {
        let ratio = value / limit_value;
        let (to_reach, reached) = match goal {
            Goal::AtLeast(least) => (format!("at least {least:.2}"), Some(ratio >= least)),
            Goal::AtMost(most) => (format!("at most {most:.2}"), Some(ratio <= most)),
            Goal::None => (String::new(), None),
        };
        self.push(Line {
            work: work.to_owned(),
            figure,
            limit,
            ratio: Some(ratio),
            to_reach,
            reached,
        });
    }

    /// A figure that has to stay below a fixed one.
    pub(crate) fn bound(&mut self, work: &str, value: f64, unit: &str, most: f64) {
        self.push(Line {
            work: work.to_owned(),
            figure: format!("{value:.3} {unit}"),
            limit: String::new(),
            ratio: None,
            to_reach: format!("at most {most} {unit}"),
            reached: Some(value <= most),
        });
    }

    fn push(&mut self, line: Line) {
        let Line {
            work,
            figure,
            limit,
            ratio,
            ..
        } = &line;
        let ratio = ratio.map(|ratio| format!(", ratio {ratio:.2}"));
        println!("{work}: {figure}; {limit}{}", ratio.unwrap_or_default());
        self.lines.push(line);
    }

    /// Writes both files.
    pub(crate) fn write(&self, setup: &Setup) -> Result<()> {
        let mut table = String::from(
            "| work | measured | limit, same run | ratio | to reach | |\n| --- | --- | --- | --- | --- | --- |\n",
        );
        for line in &self.lines {
            let Line {
                work,
                figure,
                limit,
                ratio,
                to_reach,
                reached,
            } = line;
            let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let reached = match reached {
                Some(true) => "yes",
                Some(false) => "**not yet**",
                None => "",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {work} | {figure} | {limit} | {ratio} | {to_reach} | {reached} |"
            );
        }
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "work": line.work, "figure": line.figure, "limit": line.limit,
                    "ratio": line.ratio, "toReach": line.to_reach, "reached": line.reached,
                })
            })
            .collect();
        fs::write(
            setup.output.join("bench.json"),
            format!("{:#}\n", Value::from(lines)),
        )?;
        replace_table(setup, &table)?;
        println!("\n{table}");
        Ok(())
    }
}

/// The table stands between two marks; the rest of the document is written by people.
fn replace_table(setup: &Setup, table: &str) -> Result<()> {
    const BEGIN: &str = "<!-- begin: cargo xtask bench -->\n";
    const END: &str = "<!-- end: cargo xtask bench -->";
    let text = fs::read_to_string(&setup.document)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("no mark in the document")?;
    let (_, after) = rest.split_once(END).ok_or("no second mark in it")?;
    fs::write(
        &setup.document,
        format!("{before}{BEGIN}{table}{END}{after}"),
    )?;
    Ok(())
}

/// The middle of so many measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median_ms(values: impl IntoIterator<Item = Duration>) -> f64 {
    median(
        values
            .into_iter()
            .map(|it| it.as_secs_f64() * 1e3)
            .collect(),
    )
}
