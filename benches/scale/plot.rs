//! What a watch and a request cost with so many watches, as a picture: a curve each, and the bare
//! limit as a dashed line under it.

use crate::figures::{Bare, Figures};
use crate::svg::Svg;
use crate::table::short;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 40.0;

/// One of the two pictures.
struct Panel {
    title: &'static str,
    /// From the left edge, and how wide.
    left: f64,
    width: f64,
    /// What each number of watches costs.
    costs: Vec<(usize, f64)>,
    bare: Option<f64>,
}

pub(crate) fn svg(all: &[Figures], bare: &Bare) -> String {
    let costs = |cost: fn(&Figures) -> Option<f64>| {
        let costs = all.iter();
        costs
            .filter_map(|one| Some((one.count, cost(one)?)))
            .collect()
    };
    let (width, gap) = (330.0, 90.0);
    let panels = [
        Panel {
            title: "resident bytes per watch",
            left: 60.0,
            width,
            costs: costs(Figures::cost_of_a_watch),
            bare: bare.tasks.map(|tasks| tasks.resident_bytes),
        },
        Panel {
            title: "µs of CPU time per request",
            left: 60.0 + width + gap,
            width,
            costs: costs(Figures::cost_of_a_poll),
            bare: bare.requests.map(|requests| 1e6 / requests),
        },
    ];
    let mut svg = Svg::new(WIDTH, HEIGHT);
    panels.iter().for_each(|panel| panel.draw(&mut svg));
    svg.finish()
}

impl Panel {
    fn draw(&self, svg: &mut Svg) {
        let costs = self.costs.iter().map(|(_, cost)| *cost);
        let most = costs.chain(self.bare).fold(0.0, f64::max);
        let y = |cost: f64| HEIGHT - BOTTOM - cost / most * (HEIGHT - TOP - BOTTOM);
        let (left, right) = (self.left, self.left + self.width);
        svg.text((left, 24.0), "start", "#222", self.title);
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let cost = most * share;
            let at = y(cost);
            svg.add(&format!(
                "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>"
            ));
            let digits = if most < 100.0 { 1 } else { 0 };
            let label = format!("{cost:.digits$}");
            svg.text((left - 8.0, at + 4.5), "end", "#777", &label);
        }
        if let Some(bare) = self.bare {
            let at = y(bare);
            svg.add(&format!(
                "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#8a8f98\" stroke-dasharray=\"5 4\"/>"
            ));
            svg.text((right, at - 6.0), "end", "#8a8f98", "bare limit");
        }
        let mut curve = String::new();
        for (place, (count, cost)) in self.costs.iter().enumerate() {
            let x = left + self.width * (place as f64 + 0.5) / self.costs.len() as f64;
            let at = y(*cost);
            let pen = if place == 0 { 'M' } else { 'L' };
            curve += &format!("{pen}{x:.1} {at:.1}");
            svg.add(&format!(
                "<circle cx=\"{x:.1}\" cy=\"{at:.1}\" r=\"4\" fill=\"#0a7f5a\"/>"
            ));
            svg.text(
                (x, HEIGHT - BOTTOM + 22.0),
                "middle",
                "#444",
                &short(*count),
            );
        }
        svg.add(&format!(
            "<path d=\"{curve}\" fill=\"none\" stroke=\"#0a7f5a\" stroke-width=\"2\"/>"
        ));
    }
}
