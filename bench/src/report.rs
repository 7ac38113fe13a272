//! The results: a table for people, and JSON.

pub(crate) mod capacity;
pub(crate) mod plot;
pub(crate) mod rounds;

use std::{fmt::Write as _, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Result, Setup,
    load::{Pace, number},
    report::capacity::{Costs, Model},
    report::plot::{Axis, Bar, Chart},
};

/// A figure and its limit.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) work: String,
    pub(crate) figure: String,
    pub(crate) limit: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) to_reach: String,
    /// The figure relative to its goal; the goal is reached from 1 on.
    pub(crate) score: Option<f64>,
}

/// All measurements, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<Line>,
    /// The inputs of the capacity model.
    pub(crate) costs: Costs,
    /// Sessions polled, and the server's memory in MiB.
    pub(crate) memory: Vec<(f64, f64)>,
    /// Seconds of the soak, and the server's memory in MiB.
    pub(crate) soak: Vec<(f64, f64)>,
    /// By number of connections: idle polls, and the constant route.
    pub(crate) by_connections: Vec<(usize, Pace, Pace)>,
}

/// The ratio to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// There is no goal; the figure is for information.
    None,
}

impl Report {
    /// Adds a figure, its limit, and the goal for their ratio.
    pub(crate) fn compare(
        &mut self,
        work: &str,
        (value, limit): (f64, f64),
        unit: &str,
        limit_name: &str,
        goal: Goal,
    ) {
        let ratio = value / limit;
        let (to_reach, score) = match goal {
            Goal::AtLeast(least) => (format!("at least {least:.2}"), Some(ratio / least)),
            Goal::AtMost(most) => (format!("at most {most:.2}"), Some(most / ratio)),
            Goal::None => (String::new(), None),
        };
        self.push(Line {
            work: work.to_owned(),
            figure: format!("{}{unit}", digits(value)),
            limit: format!("{limit_name} {}{unit}", digits(limit)),
            ratio: Some(ratio),
            to_reach,
            score,
        });
    }

    /// Adds a figure that has to stay below a fixed value.
    pub(crate) fn bound(&mut self, work: &str, value: f64, unit: &str, most: f64) {
        self.push(Line {
            work: work.to_owned(),
            figure: format!("{}{unit}", digits(value)),
            limit: String::new(),
            ratio: None,
            to_reach: format!("at most {most}{unit}"),
            // A figure that has to be 0.
            score: Some(if value <= most {
                (most / value).max(1.0)
            } else {
                most / value
            }),
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

    /// The plots, with their names.
    fn plots(&self, model: Option<&Model>) -> Result<Vec<(&'static str, &'static str, String)>> {
        let axis = |name, logarithmic| Axis { name, logarithmic };
        let bars: Vec<_> = self
            .lines
            .iter()
            .filter_map(|line| {
                Some(Bar {
                    name: &line.work,
                    score: line.score?,
                })
            })
            .collect();
        let mut plots = Vec::new();
        let title = "Every figure beside its goal: how many times as good, from 1 on it is reached";
        plots.push(("goals", title, plot::goals(title, &bars)?));
        let by = |of: fn(&(usize, Pace, Pace)) -> f64| {
            let points = self.by_connections.iter();
            points.map(|it| (number(it.0), of(it))).collect::<Vec<_>>()
        };
        if !self.by_connections.is_empty() {
            let throughput = Chart {
                title: "Idle polls: throughput",
                x: axis("connections", true),
                y: axis("per second", false),
                series: vec![
                    ("idle poll", by(|it| it.1.per_second)),
                    ("constant route", by(|it| it.2.per_second)),
                ],
            };
            let latency = Chart {
                title: "Idle polls: 99th percentile, every connection busy",
                x: axis("connections", true),
                y: axis("ms", true),
                series: vec![
                    ("idle poll", by(|it| it.1.p99.as_secs_f64() * 1e3)),
                    ("constant route", by(|it| it.2.p99.as_secs_f64() * 1e3)),
                ],
            };
            plots.push(("throughput", throughput.title, throughput.svg()?));
            plots.push(("latency", latency.title, latency.svg()?));
        }
        for (name, title, x, points) in [
            (
                "memory",
                "Memory: open sessions, polled",
                "sessions",
                &self.memory,
            ),
            ("soak", "Memory: during the soak", "seconds", &self.soak),
        ] {
            if !points.is_empty() {
                let chart = Chart {
                    title,
                    x: axis(x, false),
                    y: axis("MiB", false),
                    series: vec![("resident", points.clone())],
                };
                plots.push((name, title, chart.svg()?));
            }
        }
        if let Some([polls, waits]) = model.map(Model::curve) {
            let chart = Chart {
                title: "Model: visitors that servers of 2 cores hold, Postgres and Synapse apart",
                x: axis("servers", true),
                y: axis("visitors", true),
                series: vec![("poll every 2 s", polls), ("wait", waits)],
            };
            plots.push(("replicas", chart.title, chart.svg()?));
        }
        Ok(plots)
    }

    /// Prints the table and writes it as JSON. After a run of all sections it also goes into the document.
    pub(crate) fn write(&self, setup: &Setup, failed: &[&str], complete: bool) -> Result<()> {
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
                score,
            } = line;
            let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
            let reached = match score {
                Some(score) if *score >= 1.0 => "yes",
                Some(_) => "**not yet**",
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
                    "ratio": line.ratio, "toReach": line.to_reach, "score": line.score,
                })
            })
            .collect();
        fs::write(
            setup.output.join("bench.json"),
            format!("{:#}\n", Value::from(lines)),
        )?;
        println!("\n{table}");
        let model = Model::of(&self.costs);
        let capacity = model.as_ref().map(Model::text).unwrap_or_default();
        println!("{capacity}");
        let plots = self.plots(model.as_ref())?;
        let directory = if complete {
            let (mut figures, mut capacity) = (format!("{}\n\n{table}", setup.said()), capacity);
            if !failed.is_empty() {
                let _ = writeln!(figures, "\nNot measured to the end: {}.", failed.join(", "));
            }
            for (name, title, _) in &plots {
                let part = match *name {
                    "replicas" => &mut capacity,
                    _ => &mut figures,
                };
                let _ = writeln!(part, "\n![{title}](performance/{name}.svg)");
            }
            replace(&setup.document, "table", &figures)?;
            replace(&setup.document, "capacity", &capacity)?;
            setup.document.with_extension("")
        } else {
            setup.output.clone()
        };
        fs::create_dir_all(&directory)?;
        for (name, _, svg) in plots {
            fs::write(directory.join(name).with_extension("svg"), svg)?;
        }
        Ok(())
    }
}

/// The output of a run is between marks; people write the rest of the document.
fn replace(document: &Path, name: &str, new: &str) -> Result<()> {
    let begin = format!("<!-- begin {name}: cargo xtask bench -->\n");
    let end = format!("<!-- end {name}: cargo xtask bench -->");
    let text = fs::read_to_string(document)?;
    let (before, rest) = text.split_once(&begin).ok_or("no mark in the document")?;
    let (_, after) = rest.split_once(&end).ok_or("no second mark in it")?;
    fs::write(document, format!("{before}{begin}{new}{end}{after}"))?;
    Ok(())
}

/// A number with as many digits as are significant.
fn digits(value: f64) -> String {
    match value {
        0.0 | 100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
