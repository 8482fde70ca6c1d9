//! What the daemon says of itself under `/metrics`.

use std::collections::HashMap;

use crate::daemon::Daemon;

/// All samples at one moment: the value of each name with its labels.
pub(crate) struct Metrics(HashMap<String, f64>);

impl Metrics {
    pub(crate) async fn of(daemon: &Daemon) -> Self {
        let answer = daemon.client().get("http://daemon/metrics").send();
        let text = answer.await.unwrap().text().await.unwrap();
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let samples = samples.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Self(samples.collect())
    }

    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Requests for jobs, whatever was answered.
    pub(crate) fn polls(&self) -> f64 {
        let polls = self.0.iter();
        let polls = polls.filter(|(name, _)| name.starts_with("dcs_wait_polls_total{"));
        polls.map(|(_, count)| count).sum()
    }

    /// How late requests were sent since an earlier moment.
    pub(crate) fn lateness_since(&self, earlier: &Self) -> Histogram {
        const BUCKETS: &str = "dcs_wait_poll_lateness_seconds_bucket{le=\"";
        let buckets = self.0.iter();
        let mut buckets: Vec<(f64, f64)> = buckets
            .filter_map(|(name, count)| {
                let bound = name.strip_prefix(BUCKETS)?.strip_suffix("\"}")?;
                let bound = bound.replace("+Inf", "inf").parse().unwrap();
                Some((bound, count - earlier.get(name)))
            })
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        Histogram(buckets)
    }
}

/// How many values were at most so large, for some sizes in order.
pub(crate) struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// What that share of the values doesn't exceed, if those between two sizes lie evenly.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = self.0.last().map_or(0.0, |(_, all)| all * share);
        let (mut from, mut below) = (0.0, 0.0);
        for (bound, count) in &self.0 {
            if *count >= wanted && bound.is_finite() {
                return from + (bound - from) * (wanted - below) / (count - below).max(1.0);
            }
            (from, below) = (*bound, *count);
        }
        f64::INFINITY
    }
}
