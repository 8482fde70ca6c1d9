//! How watches are accepted: one, or many at once.

use std::sync::Arc;

use super::ending::owe;
use super::orders::{AcceptError, Accepted, Order, Refused};
use super::service::Engine;
use super::setup::Setup;
use super::shared::TakenUp;
use super::told::span;
use crate::model::{HookName, Watch};
use crate::store::{Change, Effect, StoreError};

impl Engine {
    /// Accepts an order: the watch is durable when this comes back.
    ///
    /// # Errors
    /// When it can't be accepted.
    pub async fn accept(&self, order: Order) -> Result<Accepted, AcceptError> {
        let shared = self.shared();
        if shared.is_stopping() {
            return Err(AcceptError::Stopping);
        }
        let watch = self.watch_of(&shared.setup(), order)?;
        let hooks = Arc::clone(&watch.hooks);
        let accepted = self.keep_watch(watch).await?;
        let Accepted { record, joined, .. } = &accepted;
        let watch = &record.watch;
        span(&watch.job_id, watch.id, &watch.project)
            .in_scope(|| tracing::info!(joined, "accepted"));
        self.take_up(&accepted, &hooks).await?;
        Ok(accepted)
    }

    /// Accepts several orders: all of their watches are durable when this comes back, in the order
    /// of the orders, or none is.
    ///
    /// # Errors
    /// When one of them can't be accepted.
    pub async fn accept_all(&self, orders: Vec<Order>) -> Result<Vec<Accepted>, Refused> {
        let shared = self.shared();
        if shared.is_stopping() {
            return Err(AcceptError::Stopping.into());
        }
        let setup = shared.setup();
        let watches = orders.into_iter().enumerate().map(|(index, order)| {
            self.watch_of(&setup, order).map_err(|why| Refused {
                index: Some(index),
                why,
            })
        });
        let watches = watches.collect::<Result<Vec<Watch>, Refused>>()?;
        let hooks: Vec<_> = watches.iter().map(|one| Arc::clone(&one.hooks)).collect();
        let accepted = self.keep_watches(watches).await?;
        let (joined, new): (Vec<_>, Vec<_>) =
            accepted.iter().zip(&hooks).partition(|(one, _)| one.joined);
        tracing::info!(new = new.len(), joined = joined.len(), "accepted a batch");
        if tracing::enabled!(tracing::Level::DEBUG) {
            for Accepted { record, joined, .. } in &accepted {
                let watch = &record.watch;
                span(&watch.job_id, watch.id, &watch.project)
                    .in_scope(|| tracing::debug!(joined, "accepted"));
            }
        }
        let held = new.iter().filter(|(one, _)| one.held);
        shared.take_up_all(held.map(|(one, _)| one.record.clone()));
        // All are kept by now: trouble with one keeps none of the others from its hooks.
        let mut trouble = None;
        for (one, hooks) in joined {
            let taken_up = self.take_up(one, hooks).await;
            trouble = trouble.or(taken_up.err());
        }
        match trouble {
            Some(error) => Err(error.into()),
            None => Ok(accepted),
        }
    }

    /// The watch that an order is for, beginning now.
    fn watch_of(&self, setup: &Setup, order: Order) -> Result<Watch, AcceptError> {
        let shared = self.shared();
        let (name, project) = setup.project_of(&order)?;
        let hooks = setup.hooks_of(&order)?;
        let timeout = order.timeout.unwrap_or(project.timeout);
        let now = shared.clock.now();
        Ok(Watch {
            id: shared.new_watch_id(),
            project: name.clone(),
            job_id: order.job_id,
            hooks: hooks.into(),
            accepted_at: now,
            deadline_at: timeout.and_then(|timeout| now.checked_add(timeout)),
        })
    }

    /// Makes a watch durable.
    pub(super) async fn keep_watch(&self, watch: Watch) -> Result<Accepted, StoreError> {
        accepted(self.shared().recorder.store(Change::Accept(watch)).await?)
    }

    async fn keep_watches(&self, watches: Vec<Watch>) -> Result<Vec<Accepted>, StoreError> {
        match self
            .shared()
            .recorder
            .store(Change::AcceptAll(watches))
            .await?
        {
            Effect::Each(effects) => effects.into_iter().map(accepted).collect(),
            other => Err(unexpected(&other)),
        }
    }

    /// Has a watch polled that is kept; or, where it has ended, has those hooks fire.
    async fn take_up(&self, accepted: &Accepted, hooks: &[HookName]) -> Result<(), StoreError> {
        let shared = self.shared();
        let record = &accepted.record;
        let id = record.watch.id;
        if record.end.is_none() {
            if !accepted.held {
                // Whoever holds it has been told, or will be when it is claimed.
                return Ok(());
            }
            let is_taken_up = if accepted.joined {
                let active = shared.watch(id);
                active.is_some_and(|active| active.join(&record.watch.hooks))
            } else {
                let taken_up = shared.take_up(record.clone(), shared.times(&record.watch));
                matches!(taken_up, TakenUp::Yes)
            };
            if is_taken_up {
                return Ok(());
            }
        }
        // It has ended, be it since it was joined; or an earlier run left it and it isn't restored.
        let Some((record, _)) = shared.store.watch(id).await? else {
            return Ok(());
        };
        match &record.end {
            Some(end) => owe(shared, &record, end, hooks).await,
            None if shared.leases.is_some() => {
                shared.look_for_strays();
                Ok(())
            }
            None => {
                let times = shared.times(&record.watch);
                shared.take_up(record, times);
                Ok(())
            }
        }
    }
}

/// What became of a watch that was to be accepted.
fn accepted(effect: Effect) -> Result<Accepted, StoreError> {
    match effect {
        Effect::Accepted {
            record,
            joined,
            held,
        } => Ok(Accepted {
            record: *record,
            joined,
            held,
        }),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(effect: &Effect) -> StoreError {
    StoreError::Unusable(format!(
        "the store answers a watch with {effect:?}; this is a fault of this program"
    ))
}
