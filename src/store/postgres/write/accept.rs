//! Watches that are accepted, or join what there is for their job.

use std::collections::HashMap;

use sqlx::Row;
use uuid::Uuid;

use super::super::statements::{ACCEPT, JOIN, TO_JOIN};
use super::super::values::{self, uuid};
use super::{Writing, all};
use crate::model::{Fence, JobId, Progress, ProjectName, Watch, WatchRecord};
use crate::store::Effect;
use crate::store::changes::distinct;
use crate::store::columns::{joined, millis};

/// How often a watch that is there when another is to be added, and gone when that is to join it, is
/// tried anew.
const ROUNDS: usize = 5;

/// Without an end.
pub(in super::super) const BOUNDLESS: u64 = u64::MAX;

/// A watch that there is for a job.
struct There {
    record: WatchRecord,
    owner: i64,
    has_more_hooks: bool,
}

impl Writing<'_> {
    pub(super) async fn accept(&mut self, watches: &[&Watch]) -> sqlx::Result<Vec<Effect>> {
        let mut effects = Vec::with_capacity(watches.len());
        for watches in distinct(watches, |watch| *watch.id.as_bytes()) {
            effects.extend(self.accept_each(watches).await?);
        }
        Ok(effects)
    }

    async fn accept_each(&mut self, watches: &[&Watch]) -> sqlx::Result<Vec<Effect>> {
        let mut effects = vec![None; watches.len()];
        for _ in 0..ROUNDS {
            let mut open: Vec<(usize, &Watch)> = (0..).zip(watches.iter().copied()).collect();
            open.retain(|(place, _)| effects.get(*place).is_some_and(Option::is_none));
            if open.is_empty() {
                break;
            }
            for (place, effect) in self.add(&open).await? {
                effects[place] = Some(effect);
            }
            open.retain(|(place, _)| effects.get(*place).is_some_and(Option::is_none));
            if open.is_empty() {
                break;
            }
            for (place, effect) in self.join(&open).await? {
                effects[place] = Some(effect);
            }
        }
        let effects: Option<Vec<Effect>> = effects.into_iter().collect();
        effects.ok_or_else(|| sqlx::Error::Protocol("watches for a job come and go".to_owned()))
    }

    /// Adds those for whose job there is no watch.
    async fn add(&mut self, open: &[(usize, &Watch)]) -> sqlx::Result<Vec<(usize, Effect)>> {
        let room = self.author.room.saturating_sub(self.taken);
        // Of two for the same job, the first is there for the second to join.
        let mut rows: Vec<(u64, usize, &Watch)> = (0..)
            .zip(open)
            .map(|(nth, (place, watch))| (nth, *place, *watch))
            .collect();
        rows.sort_by_key(|(nth, _, watch)| (watch.job_id.clone(), watch.project.clone(), *nth));
        let each = || rows.iter().map(|(.., watch)| *watch);
        let added = sqlx::query(ACCEPT)
            .bind(all(each().map(|watch| uuid(watch.id.as_bytes()))))
            .bind(all(each().map(|watch| watch.project.as_str())))
            .bind(all(each().map(|watch| watch.job_id.as_str())))
            .bind(all(each().map(|watch| joined(&watch.hooks))))
            .bind(all(each().map(|watch| millis(watch.accepted_at))))
            .bind(all(each().map(|watch| watch.deadline_at.map(millis))))
            .bind(self.author.id)
            .bind(all(rows.iter().map(|(nth, ..)| *nth < room)))
            .fetch_all(&mut *self.connection)
            .await?;
        let owners: HashMap<Uuid, i64> = added
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<sqlx::Result<_>>()?;
        let mut effects = Vec::with_capacity(added.len());
        for (place, watch) in open {
            let Some(owner) = owners.get(&uuid(watch.id.as_bytes())) else {
                continue;
            };
            let held = *owner == self.author.id;
            self.taken += u64::from(held);
            self.told.orphans |= !held;
            let record = WatchRecord {
                watch: (*watch).clone(),
                progress: Progress::default(),
                end: None,
                fence: Fence::FIRST,
            };
            effects.push((
                *place,
                Effect::Accepted {
                    record: Box::new(record),
                    joined: false,
                    held,
                },
            ));
        }
        Ok(effects)
    }

    /// Joins the watches that there are.
    async fn join(&mut self, open: &[(usize, &Watch)]) -> sqlx::Result<Vec<(usize, Effect)>> {
        let mut all_there = self.there(open).await?;
        let mut effects = Vec::with_capacity(open.len());
        for (place, watch) in open {
            let key = (watch.job_id.clone(), watch.project.clone());
            let Some(there) = all_there.get_mut(&key) else {
                continue;
            };
            there.has_more_hooks |= there.record.watch.join(&watch.hooks);
            effects.push((
                *place,
                Effect::Accepted {
                    record: Box::new(there.record.clone()),
                    joined: true,
                    held: there.owner == self.author.id,
                },
            ));
        }
        let mut more: Vec<&There> = all_there.values().collect();
        more.retain(|there| there.has_more_hooks);
        if !more.is_empty() {
            let each = || more.iter().map(|there| &there.record.watch);
            sqlx::query(JOIN)
                .bind(all(each().map(|watch| uuid(watch.id.as_bytes()))))
                .bind(all(each().map(|watch| joined(&watch.hooks))))
                .bind(self.author.id)
                .execute(&mut *self.connection)
                .await?;
        }
        let others = more.iter().filter(|there| {
            there.record.end.is_none() && ![0, self.author.id].contains(&there.owner)
        });
        self.told.wished.extend(others.map(|there| there.owner));
        Ok(effects)
    }

    async fn there(
        &mut self,
        open: &[(usize, &Watch)],
    ) -> sqlx::Result<HashMap<(JobId, ProjectName), There>> {
        let each = || open.iter().map(|(_, watch)| watch);
        let rows = sqlx::query(TO_JOIN)
            .bind(all(each().map(|watch| watch.job_id.as_str())))
            .bind(all(each().map(|watch| watch.project.as_str())))
            .fetch_all(&mut *self.connection)
            .await?;
        rows.iter()
            .map(|row| {
                let record = values::watch(row)?;
                let key = (record.watch.job_id.clone(), record.watch.project.clone());
                let there = There {
                    record,
                    owner: row.try_get(19)?,
                    has_more_hooks: false,
                };
                Ok((key, there))
            })
            .collect()
    }
}
