//! A picture, piece by piece.

/// A picture of which every piece lies over those before it.
pub(crate) struct Svg(String);

impl Svg {
    /// A white one.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        ))
    }

    /// Adds an element, as it is written.
    pub(crate) fn add(&mut self, element: &str) {
        self.0 += element;
        self.0.push('\n');
    }

    /// Adds a text; `anchor` is `start`, `middle` or `end`, and says which part of it stands at `x`.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: &str, colour: &str, text: &str) {
        self.add(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{text}</text>"
        ));
    }

    pub(crate) fn finish(self) -> String {
        self.0 + "</svg>\n"
    }
}
