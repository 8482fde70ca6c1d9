//! The daemons that share the store: who is alive, and what each of them holds.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;

use super::convert::ours;
use super::problem::{Problem, json};
use super::shapes::{ClusterShape, ErrorShape, InstanceShape, InstanceStateShape, OrphansShape};
use super::{App, ask};
use crate::config::host_name;
use crate::forms::millis;
use crate::store::{Counts, Held, Instance};

/// The daemons that share the store, and how much each of them holds.
#[utoipa::path(
    get, path = "/v1/cluster", operation_id = "cluster", tag = "state",
    responses(
        (status = OK, description = "the daemons", body = ClusterShape),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
    )
)]
pub(super) async fn show(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    ask::Asked::of(&uri, &[])?;
    let counts = app.engine.store().counts().await?;
    let (instances, lease) = match app.engine.shared_store() {
        Some(shared) => (shared.instances().await?, Some(shared.lease())),
        None => (vec![alone(&app, counts)], None),
    };
    Ok(json(
        StatusCode::OK,
        &ClusterShape::new(&instances, counts, lease),
    ))
}

/// The only daemon of a store that nobody shares: all of it is this one's.
fn alone(app: &App, counts: Counts) -> Instance {
    Instance {
        name: host_name(),
        number: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        is_this: true,
        is_dead: false,
        joined_at: app.since,
        renewed: Duration::ZERO,
        held: all(counts),
    }
}

fn all(counts: Counts) -> Held {
    Held {
        watches: counts.active,
        deliveries: counts.pending,
    }
}

impl ClusterShape {
    /// The two are counted one after the other, and so need not quite agree.
    fn new(instances: &[Instance], counts: Counts, lease: Option<Duration>) -> Self {
        let all = all(counts);
        let alive = || instances.iter().filter(|one| !one.is_dead);
        let watches: u64 = alive().map(|one| one.held.watches).sum();
        let deliveries: u64 = alive().map(|one| one.held.deliveries).sum();
        let mut sorted: Vec<&Instance> = instances.iter().collect();
        sorted.sort_by_key(|one| (&one.name, one.number));
        Self {
            shared: lease.is_some(),
            lease_ms: lease.map(millis),
            instances: sorted
                .into_iter()
                .map(|one| InstanceShape::new(one, all))
                .collect(),
            orphans: OrphansShape {
                watches: all.watches.saturating_sub(watches),
                deliveries: all.deliveries.saturating_sub(deliveries),
            },
        }
    }
}

impl InstanceShape {
    fn new(instance: &Instance, all: Held) -> Self {
        let held = instance.held;
        Self {
            name: instance.name.as_str().into(),
            number: instance.number,
            version: instance.version.as_str().into(),
            this: instance.is_this,
            state: if instance.is_dead {
                InstanceStateShape::Dead
            } else {
                InstanceStateShape::Alive
            },
            joined_at: ours(instance.joined_at),
            renewed_ms_ago: millis(instance.renewed),
            watches: held.watches,
            deliveries: held.deliveries,
            watches_share: share(held.watches, all.watches),
            deliveries_share: share(held.deliveries, all.deliveries),
        }
    }
}

/// The share of all, to a ten-thousandth.
fn share(part: u64, all: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    let exact = part as f64 / all as f64;
    (exact * 10_000.0).round().min(10_000.0) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    fn instance(number: u64, is_dead: bool, watches: u64, deliveries: u64) -> Instance {
        Instance {
            name: "dcs-1".to_owned(),
            number,
            version: "0.1.0".to_owned(),
            is_this: number == 1,
            is_dead,
            joined_at: UNIX_EPOCH + Duration::from_secs(1_795_000_000),
            renewed: Duration::from_millis(2500),
            held: Held {
                watches,
                deliveries,
            },
        }
    }

    fn counts(active: u64, pending: u64) -> Counts {
        Counts {
            active,
            pending,
            ..Counts::default()
        }
    }

    #[test]
    fn what_only_the_dead_hold_are_orphans_as_is_what_nobody_holds() {
        let instances = [instance(1, false, 30, 1), instance(2, true, 60, 0)];
        let lease = Duration::from_secs(30);
        let shape = ClusterShape::new(&instances, counts(100, 3), Some(lease));
        assert!(shape.shared);
        assert_eq!(shape.lease_ms, Some(30_000));
        let orphans = OrphansShape {
            watches: 70,
            deliveries: 2,
        };
        assert_eq!(shape.orphans, orphans);
        let [this, other] = &shape.instances[..] else {
            panic!("{shape:?}");
        };
        assert_eq!((this.this, this.state), (true, InstanceStateShape::Alive));
        assert_eq!((this.watches_share, this.deliveries_share), (0.3, 0.3333));
        assert_eq!((other.this, other.state), (false, InstanceStateShape::Dead));
        assert_eq!(
            (&*this.joined_at, this.renewed_ms_ago),
            ("2026-11-18T11:06:40.000Z", 2500)
        );
    }

    #[test]
    fn daemons_are_in_the_order_of_their_names_and_numbers() {
        let called = |name: &str, number| Instance {
            name: name.to_owned(),
            ..instance(number, false, 0, 0)
        };
        let instances = [
            called("b", 2),
            called("a", 11),
            called("b", 1),
            called("a", 9),
        ];
        let shape = ClusterShape::new(&instances, counts(0, 0), None);
        let order: Vec<_> = shape
            .instances
            .iter()
            .map(|one| (one.name.raw(), one.number))
            .collect();
        assert_eq!(order, [("a", 9), ("a", 11), ("b", 1), ("b", 2)]);
    }

    #[test]
    fn counts_that_do_not_agree_make_no_nonsense() {
        let instances = [instance(1, false, 12, 0)];
        let shape = ClusterShape::new(&instances, counts(10, 0), None);
        assert_eq!(shape.orphans, OrphansShape::default());
        assert_eq!(shape.instances[0].watches_share, 1.0);
        assert_eq!(shape.instances[0].deliveries_share, 0.0);
    }
}
