//! What schedules cost over the best possible, as a picture: a line a schedule, a dot a distribution,
//! a bar for the mean.

use crate::Row;
use crate::svg::Svg;

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
    let mut svg = Svg::new(WIDTH, height);
    let title = "cost of a wait over the best possible: a dot for each of ten distributions, a bar for the mean";
    svg.text((LEFT, 20.0), "start", "#444", title);
    for ratio in [1.0, 2.0, 5.0, 10.0, 20.0, 40.0] {
        let x = x(ratio);
        let bottom = height - 14.0;
        svg.add(&format!(
            "<path d=\"M{x:.1} {TOP:.1}V{bottom:.1}\" stroke=\"#ddd\"/>"
        ));
        svg.text((x, TOP - 10.0), "middle", "#777", &format!("×{ratio}"));
    }
    for (at, row) in rows.iter().enumerate() {
        let y = TOP + LINE * (at as f64 + 0.5);
        let colour = if row.name.starts_with("learned") {
            "#0a7f5a"
        } else {
            "#8a8f98"
        };
        let baseline = y + 4.5;
        svg.text((LEFT - 14.0, baseline), "end", "#222", &row.name);
        let (from, top, mean) = (x(1.0), y - 8.0, row.mean());
        let length = x(mean) - from;
        svg.add(&format!(
            "<rect x=\"{from:.1}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\" \
             fill-opacity=\"0.35\"/>"
        ));
        for ratio in &row.ratios {
            let x = x(*ratio);
            svg.add(&format!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            ));
        }
        let beside = WIDTH - RIGHT + 16.0;
        svg.text((beside, baseline), "start", colour, &format!("{mean:.2}"));
    }
    svg.finish()
}

/// Where a ratio stands, on a scale of logarithms.
fn x(ratio: f64) -> f64 {
    let share = ratio.clamp(1.0, MOST).ln() / MOST.ln();
    LEFT + share * (WIDTH - LEFT - RIGHT)
}
