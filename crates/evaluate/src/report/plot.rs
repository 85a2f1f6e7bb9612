//! Draws lines, bands and points on two axes as SVG.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::{
    ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, Polygon,
    RGBColor, SVGBackend, WHITE,
};

use crate::Error;

#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    pub title: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub name: &'static str,
    pub range: Range<f64>,
    pub scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// Logarithmic; the range begins above zero.
    Log,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// A series without a name is not in the legend.
    pub name: &'static str,
    pub colour: RGBColor,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A line; points outside the axes are left out.
    Line(Vec<(f64, f64)>),
    /// Single points; those outside the axes are left out.
    Points(Vec<(f64, f64)>),
    /// An area from a lower to a higher y at each x, clipped at the axes.
    Band(Vec<(f64, [f64; 2])>),
    /// A vertical bar from a lower to a higher y at each x, clipped at the axes.
    Bars(Vec<(f64, [f64; 2])>),
}

pub const BLUE: RGBColor = RGBColor(31, 78, 158);
pub const ORANGE: RGBColor = RGBColor(200, 90, 20);
pub const GREEN: RGBColor = RGBColor(30, 120, 70);
pub const GREY: RGBColor = RGBColor(130, 130, 130);

/// Small enough that its text, of 12 pixels, does not shrink on a phone.
const SIZE: (u32, u32) = (350, 320);
/// The library draws letters four fifths of this size high.
const TEXT: (&str, u32) = ("sans-serif", 15);
/// The most labels on an axis, so that they do not touch.
const LABELS_MAX: usize = 5;

/// Returns the drawing as one `svg` element.
pub fn svg(plot: &Plot) -> Result<String, Error> {
    let mut text = String::new();
    draw(&mut text, plot).map_err(|error| Error::Plot(error.to_string()))?;
    Ok(text)
}

type Failed = Box<dyn std::error::Error>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(text: &mut String, plot: &Plot) -> Result<(), Failed> {
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (plot.x.range.clone(), plot.y.range.clone());
    match (plot.x.scale, plot.y.scale) {
        (Scale::Linear, Scale::Linear) => chart(&area, plot, x, y)?,
        (Scale::Linear, Scale::Log) => chart(&area, plot, x, y.log_scale())?,
        (Scale::Log, Scale::Linear) => chart(&area, plot, x.log_scale(), y)?,
        (Scale::Log, Scale::Log) => chart(&area, plot, x.log_scale(), y.log_scale())?,
    }
    area.present()?;
    Ok(())
}

fn chart<X, Y>(area: &Area, plot: &Plot, x: X, y: Y) -> Result<(), Failed>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .margin_right(20)
        .caption(plot.title, ("sans-serif", 17))
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .label_style(TEXT)
        .axis_desc_style(TEXT)
        .x_labels(LABELS_MAX)
        .y_labels(LABELS_MAX)
        .x_desc(plot.x.name)
        .y_desc(plot.y.name)
        .x_label_formatter(&|value| plot.x.label(*value))
        .y_label_formatter(&|value| plot.y.label(*value))
        .draw()?;
    for Series { name, colour, shape } in &plot.series {
        let colour = *colour;
        let drawn = match shape {
            Shape::Line(points) => chart.draw_series(LineSeries::new(plot.inside(points), &colour))?,
            Shape::Points(points) => {
                chart.draw_series(plot.inside(points).map(|point| Circle::new(point, 3, colour.filled())))?
            }
            Shape::Band(spans) => {
                chart.draw_series(std::iter::once(Polygon::new(plot.outline(spans), colour.mix(0.18).filled())))?
            }
            Shape::Bars(spans) => {
                let bars = plot.cut(spans).map(|(x, [low, high])| PathElement::new(vec![(x, low), (x, high)], colour));
                chart.draw_series(bars)?
            }
        };
        if !name.is_empty() {
            drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
        }
    }
    chart.configure_series_labels().label_font(TEXT).background_style(WHITE).border_style(GREY).draw()?;
    Ok(())
}

impl Plot {
    fn inside(&self, points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
        points.iter().copied().filter(|(x, y)| self.x.holds(*x) && self.y.holds(*y))
    }

    fn cut(&self, spans: &[(f64, [f64; 2])]) -> impl Iterator<Item = (f64, [f64; 2])> {
        let cut = |y: f64| y.clamp(self.y.range.start, self.y.range.end);
        spans.iter().filter(|(x, _)| self.x.holds(*x)).map(move |(x, ends)| (*x, ends.map(cut)))
    }

    fn outline(&self, spans: &[(f64, [f64; 2])]) -> Vec<(f64, f64)> {
        let spans: Vec<_> = self.cut(spans).collect();
        let there = spans.iter().map(|(x, [low, _])| (*x, *low));
        there.chain(spans.iter().rev().map(|(x, [_, high])| (*x, *high))).collect()
    }
}

impl Axis {
    fn holds(&self, value: f64) -> bool {
        (self.range.start..=self.range.end).contains(&value)
    }

    fn label(&self, value: f64) -> String {
        match self.scale {
            Scale::Linear => format!("{}", (value * 1e6).round() / 1e6),
            Scale::Log => format!("{value:.0e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy(scale: Scale) -> Plot {
        let axis = |name| Axis { name, range: 0.1..1.0, scale };
        let series = |name, shape| Series { name, colour: BLUE, shape };
        let shapes = vec![
            series("a line", Shape::Line(vec![(0.2, 0.3), (0.4, 0.5), (5.0, 0.5)])),
            series("", Shape::Points(vec![(0.3, 0.3), (0.3, 2.0)])),
            series("", Shape::Band(vec![(0.2, [0.0, 0.4]), (0.4, [0.3, 9.0])])),
            series("", Shape::Bars(vec![(0.5, [0.3, 0.4])])),
        ];
        Plot { title: "A toy", x: axis("across"), y: axis("up"), series: shapes }
    }

    #[test]
    fn every_shape_is_drawn_on_every_scale() {
        for scale in [Scale::Linear, Scale::Log] {
            let svg = svg(&toy(scale)).expect("it can be drawn");
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
            assert_eq!((svg.matches("<circle").count(), svg.matches("<polygon").count()), (1, 1), "{svg}");
            for word in ["A toy", "across", "up", "a line"] {
                assert!(svg.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn points_outside_the_axes_are_left_out_or_cut() {
        let toy = toy(Scale::Log);
        assert_eq!(toy.inside(&[(0.2, 0.3), (0.05, 0.3), (0.2, 1.5)]).collect::<Vec<_>>(), [(0.2, 0.3)]);
        let outline = toy.outline(&[(0.2, [0.0, 0.4]), (0.4, [0.3, 9.0]), (3.0, [0.2, 0.3])]);
        assert_eq!(outline, [(0.2, 0.1), (0.4, 0.3), (0.4, 1.0), (0.2, 0.4)]);
        assert_eq!(
            (toy.x.label(0.001), Axis { scale: Scale::Linear, ..toy.x }.label(0.1 + 0.2)),
            ("1e-3".into(), "0.3".into())
        );
    }
}
