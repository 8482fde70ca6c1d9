//! What is owed, and attempts to carry it out.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use sqlx::Row;
use uuid::Uuid;

use super::super::statements::{
    ADD_ATTEMPT, ALIVE, ATTEMPTED, OWE, REPLAY_HERE, REPLAY_THERE, TO_REPLAY,
};
use super::super::values::{escaped, uuid};
use super::{Writing, all};
use crate::model::{Attempt, Delivery, DeliveryId, DeliveryState, Fence};
use crate::store::Effect;
use crate::store::changes::{distinct, done_each, done_if};
use crate::store::columns::{due, duration_millis, millis};

/// An attempt at a delivery, under a fence, and how that stands after it.
type Attempted<'a> = (DeliveryId, Fence, &'a Attempt, DeliveryState);

impl Writing<'_> {
    pub(super) async fn owe_apart(&mut self, deliveries: &[Delivery]) -> sqlx::Result<Effect> {
        let all: Vec<&Delivery> = deliveries.iter().collect();
        Ok(done_if(self.owe(&all).await?))
    }

    /// Adds what is owed for watches that have ended; says whether any of it is new.
    pub(super) async fn owe(&mut self, deliveries: &[&Delivery]) -> sqlx::Result<bool> {
        let mut any = false;
        for each in distinct(deliveries, |one| *one.id.as_bytes()) {
            any |= self.owe_each(each).await?;
        }
        Ok(any)
    }

    async fn owe_each(&mut self, deliveries: &[&Delivery]) -> sqlx::Result<bool> {
        let each = || deliveries.iter();
        let rows = sqlx::query(OWE)
            .bind(self.author.id)
            .bind(all(each().map(|one| uuid(one.id.as_bytes()))))
            .bind(all(each().map(|one| uuid(one.watch_id.as_bytes()))))
            .bind(all(each().map(|one| one.hook.as_str())))
            .bind(all(each().map(|one| escaped(&one.body))))
            .bind(all(each().map(|one| millis(one.created_at))))
            .bind(all(each().map(|one| one.state.as_str())))
            .bind(all(each().map(|one| due(one.state))))
            .bind(all(each().map(|one| i64::from(one.attempts))))
            .bind(all(each().map(|one| i64::from(one.tries))))
            .bind(all(each().map(|one| i64::from(one.fence.number()))))
            .fetch_all(&mut *self.connection)
            .await?;
        for row in &rows {
            self.told.orphans |= row.try_get::<i64, _>(1)? != self.author.id;
        }
        Ok(!rows.is_empty())
    }

    pub(super) async fn attempted(
        &mut self,
        attempts: &[Attempted<'_>],
    ) -> sqlx::Result<Vec<Effect>> {
        let mut new = Vec::with_capacity(attempts.len());
        for attempts in distinct(attempts, |(id, ..)| *id.as_bytes()) {
            new.extend(self.attempted_each(attempts).await?);
        }
        Ok(done_each(new))
    }

    /// Attempts at different deliveries; says for each whether it is new.
    async fn attempted_each(&mut self, attempts: &[Attempted<'_>]) -> sqlx::Result<Vec<bool>> {
        // Rows are locked in one order everywhere, so that nobody waits in a circle.
        let mut sorted: Vec<&Attempted> = attempts.iter().collect();
        sorted.sort_unstable_by_key(|(id, ..)| *id);
        let each = || sorted.iter().map(|(_, _, attempt, _)| attempt);
        let fences = sorted.iter().map(|(_, fence, ..)| fence.number());
        let made: Vec<Uuid> = sqlx::query_scalar(ADD_ATTEMPT)
            .bind(self.author.id)
            .bind(all(sorted.iter().map(|(id, ..)| uuid(id.as_bytes()))))
            .bind(all(fences.map(i64::from)))
            .bind(all(each().map(|one| i64::from(one.number))))
            .bind(all(each().map(|one| millis(one.at))))
            .bind(all(each().map(|one| duration_millis(one.took))))
            .bind(all(each().map(|one| escaped(&one.answer))))
            .bind(all(each().map(|one| one.delivered)))
            .fetch_all(&mut *self.connection)
            .await?;
        let made: HashSet<Uuid> = made.into_iter().collect();
        let is_made = |(id, ..): &Attempted| made.contains(&uuid(id.as_bytes()));
        sorted.retain(|attempted| is_made(attempted));
        if !sorted.is_empty() {
            let states = || sorted.iter().map(|(.., state)| *state);
            sqlx::query(ATTEMPTED)
                .bind(all(sorted.iter().map(|(id, ..)| uuid(id.as_bytes()))))
                .bind(all(states().map(DeliveryState::as_str)))
                .bind(all(states().map(due)))
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(attempts.iter().map(is_made).collect())
    }

    pub(super) async fn replay(
        &mut self,
        replays: &[(DeliveryId, SystemTime)],
    ) -> sqlx::Result<Vec<Effect>> {
        let mut effects = Vec::with_capacity(replays.len());
        for replays in distinct(replays, |(id, _)| *id.as_bytes()) {
            effects.extend(self.replay_each(replays).await?);
        }
        Ok(effects)
    }

    async fn replay_each(
        &mut self,
        replays: &[(DeliveryId, SystemTime)],
    ) -> sqlx::Result<Vec<Effect>> {
        let rows = sqlx::query(TO_REPLAY)
            .bind(all(replays.iter().map(|(id, _)| uuid(id.as_bytes()))))
            .fetch_all(&mut *self.connection)
            .await?;
        // Whether it is pending, and who holds it or did.
        let known: HashMap<Uuid, (bool, i64)> = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?))))
            .collect::<sqlx::Result<_>>()?;
        let owners: HashSet<i64> = known.values().map(|(_, owner)| *owner).collect();
        let alive: Vec<i64> = sqlx::query_scalar(ALIVE)
            .bind(all(owners.into_iter()))
            .fetch_all(&mut *self.connection)
            .await?;
        let me = self.author.id;
        let mut here = Vec::new();
        let mut there = Vec::new();
        let mut effects = Vec::with_capacity(replays.len());
        for (id, due) in replays {
            let id = uuid(id.as_bytes());
            let due = millis(*due);
            effects.push(match known.get(&id) {
                Some((true, owner)) if *owner != me && alive.contains(owner) => {
                    self.told.wished.insert(*owner);
                    there.push((id, due));
                    Effect::Passed
                }
                Some((is_pending, owner)) => {
                    here.push((id, due, !is_pending || *owner != me));
                    Effect::Done
                }
                None => Effect::Nothing,
            });
        }
        if !there.is_empty() {
            sqlx::query(REPLAY_THERE)
                .bind(all(there.iter().map(|(id, _)| *id)))
                .bind(all(there.iter().map(|(_, due)| *due)))
                .execute(&mut *self.connection)
                .await?;
        }
        if !here.is_empty() {
            let owners: Vec<i64> = sqlx::query_scalar(REPLAY_HERE)
                .bind(me)
                .bind(all(here.iter().map(|(id, ..)| *id)))
                .bind(all(here.iter().map(|(_, due, _)| *due)))
                .bind(all(here.iter().map(|(.., acquired)| *acquired)))
                .fetch_all(&mut *self.connection)
                .await?;
            self.told.orphans |= owners.iter().any(|owner| *owner != me);
        }
        Ok(effects)
    }
}
