//! A simpler schedule that learns, to compare with: each duration of the past is smoothed by a kernel
//! of one width, by a rule of thumb; all of them count, however long ago; and the next request is due
//! where M(t) = ∫ √h has grown by √(2κ), give or take 10 %.

use std::cell::Cell;
use std::sync::LazyLock;

use dcs_wait::model::Durations;

use crate::schedules::Begin;
use crate::simulate::WORTH;

const PRIOR_MEDIAN: f64 = 10.0;
const STEPS: usize = 588;

static AGES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let ages = (0..STEPS).map(|step| 0.1 * 1.025_f64.powi(step as i32));
    [0.0].into_iter().chain(ages).collect()
});

pub(crate) struct OneWidth {
    /// M at each age.
    grown: Vec<f64>,
}

impl OneWidth {
    pub(crate) fn of(history: &Durations) -> Self {
        let secs: Vec<f64> = history.iter().map(|one| one.as_secs_f64()).collect();
        let count = secs.len() as f64;
        let prior = 1.0_f64.max(0.05 * count);
        let steepness = 1.0 / width(&secs);
        let survival = |age: f64| {
            let kernels = secs
                .iter()
                .map(|one| 1.0 / (1.0 + (age / one).powf(steepness)));
            (prior / (1.0 + age / PRIOR_MEDIAN) + kernels.sum::<f64>()) / (prior + count)
        };
        let mut grown = vec![0.0];
        let mut sum = 0.0;
        for step in AGES.windows(2) {
            let fall = (survival(step[0]) / survival(step[1])).ln();
            sum += (fall.max(0.0) * (step[1] - step[0])).sqrt();
            grown.push(sum);
        }
        Self { grown }
    }

    fn grown_at(&self, age: f64) -> Option<f64> {
        between(&AGES, &self.grown, age)
    }

    fn age_of(&self, grown: f64) -> Option<f64> {
        between(&self.grown, &AGES, grown)
    }
}

/// The value to a key, where keys and values grow together.
fn between(keys: &[f64], values: &[f64], key: f64) -> Option<f64> {
    let after = keys.partition_point(|one| *one <= key);
    let before = after.checked_sub(1)?;
    let share = (key - keys[before]) / (keys.get(after)? - keys[before]);
    Some(values[before] + share * (values[after] - values[before]))
}

/// Of a kernel, on the scale of logarithms.
fn width(secs: &[f64]) -> f64 {
    if secs.len() < 2 {
        return 0.3;
    }
    let mut logs: Vec<f64> = secs.iter().map(|one| one.ln()).collect();
    logs.sort_by(f64::total_cmp);
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let quantile = |share: f64| {
        let at = share * (count - 1.0);
        let (low, high) = (logs[at.floor() as usize], logs[at.ceil() as usize]);
        low + (high - low) * at.fract()
    };
    let range = (quantile(0.75) - quantile(0.25)) / 1.349;
    let mut spread = variance.sqrt();
    if range > 0.0 {
        spread = spread.min(range);
    }
    if count < 8.0 {
        spread = ((spread.powi(2) * (count - 1.0) + 0.09) / count).sqrt();
    }
    (0.5 * spread * count.powf(-0.2)).max(0.01)
}

impl Begin for OneWidth {
    fn begin(&mut self) -> Box<dyn FnMut(&mut fastrand::Rng) -> f64 + '_> {
        let at = Cell::new(0.0);
        Box::new(move |random| {
            let share = 0.9 + 0.2 * random.f64();
            let next = self.grown_at(at.get());
            let next = next.and_then(|grown| self.age_of(grown + (2.0 * WORTH).sqrt() * share));
            let root = (2.0 * WORTH * (at.get() + PRIOR_MEDIAN)).sqrt() * share;
            let interval = next.map_or(root, |next| next - at.get()).max(WORTH);
            at.set(at.get() + interval);
            interval
        })
    }
}
