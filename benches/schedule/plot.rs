//! What schedules cost over the best possible, as a picture: a line a schedule, a dot a distribution,
//! a bar for the mean.

use std::fmt::Write as _;

use crate::Row;

const WIDTH: f64 = 860.0;
const LINE: f64 = 26.0;
const TOP: f64 = 56.0;
/// Where the scale begins, right of the names.
const LEFT: f64 = 240.0;
const RIGHT: f64 = 60.0;
/// Where it ends: 40 times the best.
const MOST: f64 = 40.0;

pub(crate) fn svg(rows: &[Row]) -> String {
    let height = TOP + LINE * rows.len() as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" fill=\"#444\">cost of a wait over the best possible: a dot for each of ten \
         distributions, a bar for the mean</text>\n"
    );
    for ratio in [1.0, 2.0, 5.0, 10.0, 20.0, 40.0] {
        let x = x(ratio);
        let bottom = height - 14.0;
        line(
            &mut svg,
            &format!("<path d=\"M{x:.1} {TOP:.1}V{bottom:.1}\" stroke=\"#ddd\"/>"),
        );
        let y = TOP - 10.0;
        line(
            &mut svg,
            &format!(
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#777\">×{ratio}</text>"
            ),
        );
    }
    for (at, row) in rows.iter().enumerate() {
        let y = TOP + LINE * (at as f64 + 0.5);
        let colour = if row.name.starts_with("learned") {
            "#0a7f5a"
        } else {
            "#8a8f98"
        };
        let (name, baseline, end) = (&row.name, y + 4.5, LEFT - 14.0);
        line(
            &mut svg,
            &format!(
                "<text x=\"{end}\" y=\"{baseline:.1}\" text-anchor=\"end\" fill=\"#222\">{name}</text>"
            ),
        );
        let (from, top, mean) = (x(1.0), y - 8.0, row.mean());
        let length = x(mean) - from;
        line(
            &mut svg,
            &format!(
                "<rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\" \
                 fill-opacity=\"0.35\"/>"
            ),
        );
        for ratio in &row.ratios {
            let x = x(*ratio);
            line(
                &mut svg,
                &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"),
            );
        }
        let beside = WIDTH - RIGHT + 16.0;
        line(
            &mut svg,
            &format!(
                "<text x=\"{beside}\" y=\"{baseline:.1}\" fill=\"{colour}\" font-weight=\"600\">{mean:.2}</text>"
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, text: &str) {
    writeln!(svg, "{text}").unwrap();
}

/// Where a ratio stands, on a scale of logarithms.
fn x(ratio: f64) -> f64 {
    let share = ratio.clamp(1.0, MOST).ln() / MOST.ln();
    LEFT + share * (WIDTH - LEFT - RIGHT)
}
