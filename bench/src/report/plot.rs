//! Plots for the documentation, as SVG: legible in light and in dark.

use std::ops::Range;

use plotters::{
    coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter},
    coord::types::RangedCoordf64,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::Result;

/// Lines over a common axis.
pub(crate) struct Chart<'a> {
    pub(crate) title: &'static str,
    pub(crate) x: Axis<'a>,
    pub(crate) y: Axis<'a>,
    /// At most two series, each with its name.
    pub(crate) series: Vec<(&'a str, Vec<(f64, f64)>)>,
}

#[derive(Clone, Copy)]
pub(crate) struct Axis<'a> {
    pub(crate) name: &'a str,
    /// Whether the axis is logarithmic; otherwise it begins at zero.
    pub(crate) logarithmic: bool,
}

/// A figure relative to its goal, which is reached from 1 on.
pub(crate) struct Bar<'a> {
    pub(crate) name: &'a str,
    pub(crate) score: f64,
}

const WIDTH: u32 = 720;
const HEIGHT: u32 = 380;
const MARGIN: i32 = 20;
const ROW: i32 = 40;
/// Bars end here, even if the figure is further from its goal.
const FARTHEST: f64 = 8.0;
const FONT: &str = "system-ui, sans-serif";

const GROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);
const TEXT: RGBColor = RGBColor(0x1b, 0x2b, 0x29);
const FAINT: RGBColor = RGBColor(0x56, 0x66, 0x63);
const GRID: RGBColor = RGBColor(0xdd, 0xe5, 0xe3);
const GOOD: RGBColor = RGBColor(0x0b, 0x6a, 0x5c);
const OTHER: RGBColor = RGBColor(0xb4, 0x54, 0x0a);

/// The colours above, and their replacements for readers who prefer dark. plotters writes a colour into each element,
/// and a style sheet overrides that.
const IN_THE_DARK: [(RGBColor, &str); 6] = [
    (GROUND, "#101b1a"),
    (TEXT, "#e6efed"),
    (FAINT, "#a5b6b3"),
    (GRID, "#2a3b39"),
    (GOOD, "#5fd3ba"),
    (OTHER, "#f0a35e"),
];

impl Chart<'_> {
    pub(crate) fn svg(&self) -> Result<String> {
        let points = || self.series.iter().flat_map(|(_, points)| points);
        let x = self.x.scale(points().map(|it| it.0));
        let y = self.y.scale(points().map(|it| it.1));
        draw(self.title, HEIGHT, |area| {
            let mut chart = ChartBuilder::on(area)
                .margin(MARGIN)
                .margin_top(48)
                .x_label_area_size(44)
                .y_label_area_size(64)
                .build_cartesian_2d(x, y)?;
            chart
                .configure_mesh()
                .disable_x_mesh()
                .light_line_style(GROUND.mix(0.0))
                .bold_line_style(GRID)
                .axis_style(GRID)
                .label_style((FONT, 12).into_font().color(&FAINT))
                .x_desc(self.x.name)
                .y_desc(self.y.name)
                .draw()?;
            for ((name, points), color) in self.series.iter().zip([GOOD, OTHER]) {
                let line = color.stroke_width(2);
                let at = |point: &(f64, f64)| (self.x.place(point.0), self.y.place(point.1));
                let series = LineSeries::new(points.iter().map(at), line);
                // Many points would hide their line.
                let size = if points.len() < 20 { 3 } else { 0 };
                chart
                    .draw_series(series.point_size(size))?
                    .label(*name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], line));
            }
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .label_font((FONT, 13).into_font().color(&TEXT))
                .background_style(GROUND)
                .draw()?;
            Ok(())
        })
    }
}

impl Axis<'_> {
    /// The place of a value on the axis, which has exponents of ten if it is logarithmic.
    fn place(self, value: f64) -> f64 {
        if self.logarithmic {
            value.log10()
        } else {
            value
        }
    }

    fn scale(self, values: impl Iterator<Item = f64>) -> Scale {
        let places = values.map(|value| self.place(value));
        let (least, most) = places.fold((f64::MAX, f64::MIN), |(least, most), it| {
            (least.min(it), most.max(it))
        });
        let logarithmic = self.logarithmic;
        let (range, step) = if logarithmic {
            (least.floor()..most.ceil().max(least.floor() + 1.0), 1.0)
        } else {
            let step = step(most);
            (0.0..(most / step).ceil() * step, step)
        };
        Scale {
            range,
            step,
            logarithmic,
        }
    }
}

/// A range of places, with round ticks.
struct Scale {
    range: Range<f64>,
    step: f64,
    logarithmic: bool,
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let tick = |count| self.range.start + self.step * f64::from(count);
        let ticks = (0..).map(tick);
        ticks
            .take_while(|it| *it <= self.range.end * 1.001)
            .collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Scale {
    fn format(place: &f64) -> String {
        short(*place)
    }

    fn format_ext(&self, place: &f64) -> String {
        short(if self.logarithmic {
            10_f64.powf(*place)
        } else {
            *place
        })
    }
}

/// Bars, with a line at "reached".
pub(crate) fn goals(title: &str, bars: &[Bar<'_>]) -> Result<String> {
    const TOP: i32 = 62;
    let height = TOP + ROW * i32::try_from(bars.len())? + 16;
    let (left, right) = (MARGIN, WIDTH.cast_signed() - MARGIN);
    let place = |score: f64| {
        let share = score.clamp(1.0 / FARTHEST, FARTHEST).log(FARTHEST);
        pixel(f64::from(left) + f64::from(right - left) * (share + 1.0) / 2.0)
    };
    let text = |horizontal| {
        let position = Pos::new(horizontal, VPos::Center);
        (FONT, 12).into_font().color(&FAINT).pos(position)
    };
    draw(title, height.cast_unsigned(), |area| {
        let goal = place(1.0);
        let line = PathElement::new([(goal, TOP - 6), (goal, height - 12)], TEXT);
        area.draw(&line)?;
        area.draw(&Text::new("goal", (goal, TOP - 14), text(HPos::Center)))?;
        for (bar, top) in bars
            .iter()
            .zip((TOP..).step_by(ROW.unsigned_abs() as usize))
        {
            let color = if bar.score >= 1.0 { GOOD } else { OTHER };
            let score = format!("{:.2}", bar.score);
            area.draw(&Text::new(bar.name, (left, top + 8), text(HPos::Left)))?;
            area.draw(&Text::new(score, (right, top + 8), text(HPos::Right)))?;
            let (from, to) = (goal.min(place(bar.score)), goal.max(place(bar.score)));
            area.draw(&Rectangle::new(
                [(from, top + 18), (to.max(from + 1), top + 30)],
                color.filled(),
            ))?;
        }
        Ok(())
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw(title: &str, height: u32, content: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&GROUND)?;
        let style = (FONT, 15, FontStyle::Bold).into_font().color(&TEXT);
        area.draw(&Text::new(title, (MARGIN, 14), style))?;
        content(&area)?;
        area.present()?;
    }
    let rules = IN_THE_DARK.map(|(RGBColor(red, green, blue), dark)| {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        format!("[fill=\"{light}\"] {{ fill: {dark} }} [stroke=\"{light}\"] {{ stroke: {dark} }}")
    });
    let style = format!(
        "<style>@media (prefers-color-scheme: dark) {{ {} }}</style>",
        rules.join(" ")
    );
    let named = format!("<svg role=\"img\" aria-label=\"{title}\" ");
    let end = svg.find(">\n").ok_or("plotters drew nothing")? + 2;
    svg.insert_str(end, &style);
    Ok(svg.replacen("<svg ", &named, 1))
}

#[expect(clippy::cast_possible_truncation, reason = "a place within a picture")]
fn pixel(place: f64) -> i32 {
    place.round() as i32
}

/// A round distance that gives four to ten ticks.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_have_their_parts_and_follow_the_readers_colours() {
        let axis = |name, logarithmic| Axis { name, logarithmic };
        let chart = Chart {
            title: "Polls",
            x: axis("connections", true),
            y: axis("ms", false),
            series: vec![
                ("one", vec![(1.0, 2.0), (100.0, 40.0)]),
                ("other", vec![(1.0, 3.0), (100.0, 30.0)]),
            ],
        };
        let bars = [
            Bar {
                name: "good",
                score: 2.0,
            },
            Bar {
                name: "bad",
                score: 0.01,
            },
        ];
        let drawn = [chart.svg().unwrap(), goals("Goals", &bars).unwrap()];
        for (svg, parts) in drawn.iter().zip([
            ["Polls", "connections", "100", "other"],
            ["Goals", "goal", "bad", "0.01"],
        ]) {
            assert!(parts.iter().all(|part| svg.contains(part)), "{svg}");
            assert!(svg.starts_with("<svg role=\"img\""), "{svg}");
            // Each colour has a replacement for dark.
            for color in svg.split("fill=\"#").skip(1).map(|rest| &rest[..6]) {
                assert!(svg.contains(&format!("[fill=\"#{color}\"]")), "{color}");
            }
        }
    }
}
