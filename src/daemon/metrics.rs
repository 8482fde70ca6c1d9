//! What is measured, in Prometheus' terms.

use crate::model::Meter;

/// The daemon's metrics. No label has more values than the configuration or this program gives it.
#[derive(Debug, Default)]
pub struct Metrics;

impl Meter for Metrics {}
