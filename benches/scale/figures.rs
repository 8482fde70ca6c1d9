//! Everything that is measured, and what is to be reached.

use std::time::Duration;

use crate::accepting::Accepting;
use crate::ending::Ending;
use crate::floor::Tasks;
use crate::polling::{Lateness, Polling};
use crate::watching::Watching;

/// What was measured with a number of watches; none of what wasn't asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) accepting: Option<Accepting>,
    pub(crate) watching: Option<Watching>,
    pub(crate) polling: Option<Polling>,
    pub(crate) lateness: Option<Lateness>,
    pub(crate) ending: Option<Ending>,
}

impl Figures {
    /// Microseconds of CPU time for a request.
    pub(crate) fn cost_of_a_poll(&self) -> Option<f64> {
        self.polling.map(|polling| 1e6 / polling.per_cpu_second)
    }

    /// Bytes.
    pub(crate) fn cost_of_a_watch(&self) -> Option<f64> {
        self.watching.map(|watching| watching.added)
    }
}

/// The bare limit, measured in the same run.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bare {
    /// Per second of CPU time.
    pub(crate) requests: Option<f64>,
    pub(crate) tasks: Option<Tasks>,
}

/// A figure for each number of watches.
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    /// As many as there are numbers of watches.
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) show: fn(f64) -> String,
    pub(crate) bare: Option<f64>,
    pub(crate) target: Option<Target>,
}

/// What is to be reached.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) text: &'static str,
    /// Whether it is met with a number of watches; none where it doesn't speak of that many.
    pub(crate) is_met: fn(usize, f64) -> Option<bool>,
}

/// All figures of a run.
pub(crate) fn rows(all: &[Figures], bare: &Bare) -> Vec<Row> {
    let row = |figure, value: &dyn Fn(&Figures) -> Option<f64>, show| Row {
        figure,
        values: all.iter().map(value).collect(),
        show,
        bare: None,
        target: None,
    };
    let tasks = bare.tasks;
    let memory = Target {
        text: "≤ 700 from 100k on",
        is_met: |count, bytes| is_many(count).then_some(bytes <= 700.0),
    };
    vec![
        row(
            "resident bytes per watch, added",
            &Figures::cost_of_a_watch,
            whole,
        )
        .beside(tasks.map(|tasks| tasks.resident_bytes))
        .reaching(memory),
        row(
            "the same, restored after kill -9",
            &|one| Some(one.watching?.restored),
            whole,
        )
        .beside(tasks.map(|tasks| tasks.resident_bytes))
        .reaching(memory),
        row(
            "ready with a full store, after",
            &|one| Some(one.watching?.startup.as_secs_f64()),
            time,
        )
        .reaching(Target {
            text: "≤ 1 s per 100k",
            is_met: |count, time| is_many(count).then_some(time <= count as f64 / 1e5),
        }),
        row(
            "idle CPU, % of a core",
            &|one| Some(one.watching?.idle_share * 100.0),
            percent,
        )
        .beside(tasks.map(|tasks| tasks.cpu_share * 100.0))
        .reaching(Target {
            text: "≤ 0.1 at 100k",
            is_met: |count, percent| (count == 100_000).then_some(percent <= 0.1),
        }),
        row(
            "requests per CPU-second, with as many as go out",
            &|one| Some(one.polling?.per_cpu_second),
            whole,
        )
        .beside(bare.requests),
        row(
            "the same, over bare hyper",
            &|one| Some(one.polling?.per_cpu_second / bare.requests?),
            share,
        )
        .reaching(Target {
            text: "≥ 0.6; stretch 0.75",
            is_met: |_, share| Some(share >= 0.6),
        }),
        row(
            "sent per second then",
            &|one| Some(one.polling?.per_second),
            whole,
        ),
        row(
            "lateness of requests, with few, p50",
            &|one| Some(one.lateness?.p50),
            time,
        ),
        row(
            "lateness of requests, with few, p99",
            &|one| Some(one.lateness?.p99),
            time,
        ),
        row(
            "sent per second then",
            &|one| Some(one.lateness?.per_second),
            whole,
        ),
        row(
            "outcomes stored",
            &|one| Some(one.ending?.stored as f64),
            whole,
        )
        .reaching(EVERY_ONE),
        row(
            "jobs whose webhooks arrived",
            &|one| Some(one.ending?.sent as f64),
            whole,
        )
        .reaching(EVERY_ONE),
        row(
            "from the first outcome to the last",
            &|one| seconds(one.ending?.over),
            time,
        ),
        row(
            "from an outcome to its webhook, p50",
            &|one| seconds(one.ending?.p50),
            time,
        ),
        row(
            "from an outcome to its webhook, p99",
            &|one| seconds(one.ending?.p99),
            time,
        )
        .reaching(Target {
            text: "< 1 s at 100k",
            is_met: |count, time| (count == 100_000).then_some(time < 1.0),
        }),
        row(
            "accepted per second, one by one",
            &|one| Some(one.accepting?.one_by_one),
            whole,
        )
        .reaching(Target {
            text: "≥ 5,000",
            is_met: |_, rate| Some(rate >= 5_000.0),
        }),
        row(
            "accepted per second, in batches",
            &|one| Some(one.accepting?.in_batches),
            whole,
        )
        .reaching(Target {
            text: "≥ 50,000 from 100k on",
            is_met: |count, rate| is_many(count).then_some(rate >= 50_000.0),
        }),
        growth(
            "cost per watch over that at 100k",
            all,
            Figures::cost_of_a_watch,
        ),
        growth(
            "cost per request over that at 100k",
            all,
            Figures::cost_of_a_poll,
        ),
    ]
}

const EVERY_ONE: Target = Target {
    text: "every one",
    is_met: |count, done| Some(done == count as f64),
};

/// What a million costs each, over what a hundred thousand do.
fn growth(figure: &'static str, all: &[Figures], cost: fn(&Figures) -> Option<f64>) -> Row {
    let base = all.iter().find(|one| one.count == 100_000).and_then(cost);
    let over_base = |one: &Figures| Some(cost(one)? / base?);
    let million = |one: &Figures| (one.count == 1_000_000).then(|| over_base(one))?;
    Row {
        figure,
        values: all.iter().map(million).collect(),
        show: share,
        bare: None,
        target: Some(Target {
            text: "≤ 1.2",
            is_met: |_, ratio| Some(ratio <= 1.2),
        }),
    }
}

impl Row {
    fn beside(self, bare: Option<f64>) -> Self {
        Self { bare, ..self }
    }

    fn reaching(self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }
}

fn is_many(count: usize) -> bool {
    count >= 100_000
}

fn seconds(duration: Duration) -> Option<f64> {
    Some(duration.as_secs_f64())
}

/// With a comma before every three digits.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn share(number: f64) -> String {
    format!("{number:.2}")
}

fn percent(number: f64) -> String {
    format!("{number:.3}")
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}
