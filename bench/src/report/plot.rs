//! Plots for the documentation, as SVG: legible in light and in dark.

use std::fmt::Write as _;

/// Lines over a common axis.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'static str,
    pub(crate) x: Axis<'a>,
    pub(crate) y: Axis<'a>,
    /// Each with its name; two at most.
    pub(crate) series: Vec<(&'a str, Vec<(f64, f64)>)>,
}

#[derive(Clone, Copy)]
pub(crate) struct Axis<'a> {
    pub(crate) name: &'a str,
    /// By powers of ten; else from zero.
    pub(crate) logarithmic: bool,
}

/// How near a figure is to its goal: reached from 1 on.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) score: f64,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 54.0;
const ROW: f64 = 40.0;
/// Bars end here, however far beyond (or behind) its goal a figure is.
const FARTHEST: f64 = 8.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1b2b29; stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.title { font-weight: 650; font-size: 15px }
.faint { fill: #566663; font-size: 12px }
.ground { fill: #ffffff }
.grid { stroke: #dde5e3 }
.goal { stroke: #1b2b29; stroke-dasharray: 4 3 }
.s0 { fill: #0b6a5c; stroke: #0b6a5c } .s1 { fill: #b4540a; stroke: #b4540a }
rect, circle { stroke-width: 0 }
path.line { fill: none; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6efed; stroke: #101b1a } .faint { fill: #a5b6b3 } .ground { fill: #101b1a }
.grid { stroke: #2a3b39 } .goal { stroke: #e6efed }
.s0 { fill: #5fd3ba; stroke: #5fd3ba } .s1 { fill: #f0a35e; stroke: #f0a35e }
}";

// Writing to a String cannot fail, here and below.

impl Chart<'_> {
    pub(crate) fn svg(&self) -> String {
        let mut svg = begin(self.title, HEIGHT);
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let x = Scale::over(
            points().map(|it| it.0),
            self.x.logarithmic,
            LEFT,
            WIDTH - RIGHT,
        );
        let y = Scale::over(
            points().map(|it| it.1),
            self.y.logarithmic,
            HEIGHT - BOTTOM,
            TOP,
        );
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for tick in y.ticks() {
            let (at, text) = (y.place(tick), short(tick));
            let _ = writeln!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text class="faint" x="{}" y="{:.1}" text-anchor="end">{text}</text>"#,
                LEFT - 8.0,
                at + 4.0,
            );
        }
        for tick in x.ticks() {
            let (at, text) = (x.place(tick), short(tick));
            let _ = writeln!(
                svg,
                r#"<text class="faint" x="{at:.1}" y="{}" text-anchor="middle">{text}</text>"#,
                bottom + 18.0,
            );
        }
        let _ = writeln!(
            svg,
            r#"<text class="faint" x="{}" y="{}" text-anchor="middle">{}</text><text class="faint" x="{LEFT}" y="{}" text-anchor="end">{}</text>"#,
            f64::midpoint(LEFT, right),
            HEIGHT - 12.0,
            self.x.name,
            TOP - 14.0,
            self.y.name,
        );
        let mut legend = LEFT + 24.0;
        for (class, (name, points)) in self.series.iter().enumerate() {
            let mut line = String::new();
            for (index, point) in points.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                let (at_x, at_y) = (x.place(point.0), y.place(point.1));
                let _ = write!(line, "{command}{at_x:.1} {at_y:.1}");
                if points.len() < 20 {
                    let _ = writeln!(
                        svg,
                        r#"<circle class="s{class}" cx="{at_x:.1}" cy="{at_y:.1}" r="3.5"/>"#
                    );
                }
            }
            let _ = writeln!(
                svg,
                r#"<path class="line s{class}" d="{line}"/><rect class="s{class}" x="{legend:.0}" y="{}" width="14" height="4"/><text x="{:.0}" y="{}">{name}</text>"#,
                TOP - 20.0,
                legend + 20.0,
                TOP - 13.0,
            );
            legend += 44.0 + 7.2 * crate::load::number(name.chars().count());
        }
        svg + "</svg>\n"
    }
}

/// Bars beside the line that says "reached".
pub(crate) fn goals(title: &str, bars: &[Bar<'_>]) -> String {
    let height = TOP + ROW * crate::load::number(bars.len()) + 16.0;
    let mut svg = begin(title, height);
    let (left, right) = (RIGHT, WIDTH - RIGHT);
    let place = |score: f64| {
        let share = score.clamp(1.0 / FARTHEST, FARTHEST).log(FARTHEST);
        left + (right - left) * (share + 1.0) / 2.0
    };
    let goal = place(1.0);
    let _ = writeln!(
        svg,
        r#"<line class="goal" x1="{goal}" x2="{goal}" y1="{}" y2="{}"/><text class="faint" x="{goal}" y="{}" text-anchor="middle">goal</text>"#,
        TOP - 6.0,
        height - 12.0,
        TOP - 10.0,
    );
    for (row, bar) in bars.iter().enumerate() {
        let top = TOP + ROW * crate::load::number(row);
        let at = place(bar.score);
        let (from, width) = (at.min(goal), (at - goal).abs().max(1.0));
        let class = if bar.score >= 1.0 { "s0" } else { "s1" };
        let _ = writeln!(
            svg,
            r#"<text class="faint" x="{left}" y="{:.0}">{}</text><text class="faint" x="{right}" y="{:.0}" text-anchor="end">{:.2}</text><rect class="{class}" x="{from:.1}" y="{:.0}" width="{width:.1}" height="12" rx="2"/>"#,
            top + 12.0,
            bar.name,
            top + 12.0,
            bar.score,
            top + 18.0,
        );
    }
    svg + "</svg>\n"
}

fn begin(title: &str, height: f64) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">
<style>{STYLE}</style>
<rect class="ground" width="100%" height="100%" rx="8"/>
<text class="title" x="20" y="26">{title}</text>
"#
    )
}

/// From values to places.
struct Scale {
    logarithmic: bool,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>, logarithmic: bool, from: f64, to: f64) -> Self {
        let (least, most) = values.fold((f64::MAX, f64::MIN), |(least, most), it| {
            (least.min(it), most.max(it))
        });
        let (low, high) = if logarithmic {
            (
                10_f64.powf(least.log10().floor()),
                10_f64.powf(most.log10().ceil()),
            )
        } else {
            let step = step(most);
            (0.0, (most / step).ceil() * step)
        };
        Self {
            logarithmic,
            low,
            high: high.max(low + f64::EPSILON),
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + (self.to - self.from) * share
    }

    fn ticks(&self) -> Vec<f64> {
        let mut ticks = vec![self.low];
        let step = step(self.high);
        while let Some(last) = ticks.last().copied() {
            let next = if self.logarithmic {
                last * 10.0
            } else {
                last + step
            };
            if next > self.high * 1.001 {
                break;
            }
            ticks.push(next);
        }
        ticks
    }
}

/// Such that there are four to ten of them, and people like the number.
fn step(most: f64) -> f64 {
    let power = 10_f64.powf((most.max(f64::MIN_POSITIVE) / 4.0).log10().floor());
    let times = [5.0, 2.0, 1.0]
        .into_iter()
        .find(|times| times * power * 4.0 <= most);
    times.unwrap_or(1.0) * power
}

fn short(value: f64) -> String {
    if value >= 1e6 {
        format!("{}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{}k", value / 1e3)
    } else {
        format!("{}", (value * 1e4).round() / 1e4)
    }
}
