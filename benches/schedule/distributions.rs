//! The ten distributions of durations that schedules are compared on, in seconds: short and long,
//! narrow and wide, with one peak and two, always the same, with a heavy tail, without any peak.

use std::f64::consts::{SQRT_2, TAU};

use Shape::{Either, LogNormal, Pareto, Uniform};

/// A distribution of durations.
pub(crate) struct Distribution {
    pub(crate) name: &'static str,
    shape: Shape,
}

enum Shape {
    LogNormal {
        median: f64,
        sigma: f64,
    },
    /// One of two, each half of the time.
    Either(Box<[Shape; 2]>),
    Pareto {
        least: f64,
        exponent: f64,
    },
    Uniform(f64, f64),
}

impl Distribution {
    pub(crate) fn all() -> [Self; 10] {
        let lognormal = |name, median, sigma| Self {
            name,
            shape: LogNormal { median, sigma },
        };
        let mode = |median| LogNormal { median, sigma: 0.1 };
        let other = |name, shape| Self { name, shape };
        [
            lognormal("lognormal around 3 s, σ 0.3", 3.0, 0.3),
            lognormal("lognormal around 3 s, σ 1", 3.0, 1.0),
            lognormal("lognormal around 60 s, σ 0.3", 60.0, 0.3),
            lognormal("lognormal around 60 s, σ 1", 60.0, 1.0),
            lognormal("lognormal around 10 min, σ 0.3", 600.0, 0.3),
            lognormal("lognormal around 10 min, σ 1", 600.0, 1.0),
            other(
                "around 20 s or 300 s",
                Either(Box::new([mode(20.0), mode(300.0)])),
            ),
            // Give or take 0.2 s: no service is exact, and to be asked for just when it ends, every time, is
            // the luck of those who ask every 5 s.
            lognormal("always 45 s", 45.0, 0.0045),
            other(
                "Pareto from 10 s, α 1.5",
                Pareto {
                    least: 10.0,
                    exponent: 1.5,
                },
            ),
            other("uniform, 30 to 90 s", Uniform(30.0, 90.0)),
        ]
    }

    /// For types that change: lognormal with a σ of 0.3.
    pub(crate) fn around(median: f64) -> Self {
        Self {
            name: "",
            shape: LogNormal { median, sigma: 0.3 },
        }
    }

    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> f64 {
        self.shape.draw(random)
    }

    /// The chance to take longer.
    pub(crate) fn survival(&self, age: f64) -> f64 {
        self.shape.survival(age)
    }
}

impl Shape {
    fn draw(&self, random: &mut fastrand::Rng) -> f64 {
        match self {
            LogNormal { median, sigma } => median * (sigma * normal(random)).exp(),
            Either(two) => two[random.usize(..2)].draw(random),
            Pareto { least, exponent } => least * (1.0 - random.f64()).powf(-1.0 / exponent),
            Uniform(least, most) => least + (most - least) * random.f64(),
        }
    }

    fn survival(&self, age: f64) -> f64 {
        match self {
            LogNormal { .. } if age <= 0.0 => 1.0,
            LogNormal { median, sigma } => 0.5 * erfc((age / median).ln() / sigma / SQRT_2),
            Either(two) => two.iter().map(|one| one.survival(age)).sum::<f64>() / 2.0,
            Pareto { least, exponent } => (age.max(*least) / least).powf(-exponent),
            Uniform(least, most) => (1.0 - (age - least) / (most - least)).clamp(0.0, 1.0),
        }
    }
}

/// A standard normal number, by Box and Muller.
fn normal(random: &mut fastrand::Rng) -> f64 {
    let (radius, turn) = (1.0 - random.f64(), random.f64());
    (-2.0 * radius.ln()).sqrt() * (TAU * turn).cos()
}

/// The complementary error function, to 1.5e-7: Abramowitz and Stegun, 7.1.26.
fn erfc(x: f64) -> f64 {
    const FACTORS: [f64; 5] = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series = FACTORS.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    let tail = series * (-x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}
