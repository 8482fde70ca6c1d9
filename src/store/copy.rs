//! Everything from one store into another, of whatever forms they are.
//!
//! First come watches that ended otherwise than their jobs, which no order joins any more; then those
//! that an order may join, of which a job has at most one. So no watch joins another while it is
//! copied, in whatever order they were accepted. Deliveries follow, and durations at last.
//!
//! A copy that was cut short goes on: what is there already is compared, and left alone. Until it is
//! finished, the store is marked, so that nobody uses it.

mod changes;
mod compare;

use std::collections::HashSet;

use self::changes::{Tried, owed, parts, retried, step};
use self::compare::Same;
use super::{Change, Counts, DeliveryFilter, Effect, Page, Store, StoreError, WatchFilter};
use crate::model::{
    Answers, DeliveryState, Durations, JobType, Outcome, Progress, ProjectName, Ran, WatchRecord,
};

/// How many watches or deliveries are read, and stored by one transaction.
const PAGE: u32 = 250;

/// How far a copy has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Watches that were copied.
    pub watches: u64,
    /// Deliveries that were copied.
    pub deliveries: u64,
    /// Watches that were there already.
    pub watches_before: u64,
    /// Deliveries that were there already.
    pub deliveries_before: u64,
}

/// Why a store can't be copied.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CopyError {
    /// The one that is copied can't be read.
    #[error("from: {0}")]
    From(StoreError),
    /// The other can't be read or written.
    #[error("to: {0}")]
    To(StoreError),
    /// The other holds something else than the beginning of this copy.
    #[error(
        "the store holds something else than a part of this copy: {0}; copy into an empty store: \
         another database, or another file"
    )]
    Other(String),
    /// They are one store, which has several names.
    #[error("both are the same store; name two")]
    Same,
}

/// Copies everything. Says after each transaction how far it has come. Nobody else may use the stores
/// meanwhile; what is copied into is marked until the end, see [`Store::mark_unfinished`].
///
/// # Errors
/// When one of them can't be used, or what is in the other isn't the beginning of this copy. What was
/// copied until then stays there.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    tell: &mut (dyn FnMut(Copied) + Send),
) -> Result<Copied, CopyError> {
    if is_unfinished(from).await? {
        return Err(CopyError::From(StoreError::Unusable(
            "a copy into it was begun, and isn't finished; finish that first".to_owned(),
        )));
    }
    let mut copying = Copying {
        from,
        to,
        tell,
        is_begun: true,
        same: Same::default(),
        copied: Copied::default(),
    };
    // Before it is marked: whoever has a store of his own there goes on with that.
    copying.lacking().await?;
    copying.compare().await?;
    to.mark_unfinished(true).await.map_err(CopyError::To)?;
    if is_unfinished(from).await? {
        to.mark_unfinished(false).await.map_err(CopyError::To)?;
        return Err(CopyError::Same);
    }
    // Nothing has to be looked for in a store that is empty. From now on it is nobody else's.
    let there = to.counts().await.map_err(CopyError::To)?;
    copying.is_begun = Counts::default() != there;
    copying.watches().await?;
    copying.deliveries().await?;
    copying.durations().await?;
    to.mark_unfinished(false).await.map_err(CopyError::To)?;
    Ok(copying.copied)
}

async fn is_unfinished(from: &dyn Store) -> Result<bool, CopyError> {
    from.is_unfinished().await.map_err(CopyError::From)
}

struct Copying<'a> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    tell: &'a mut (dyn FnMut(Copied) + Send),
    is_begun: bool,
    /// What was found to be the same there.
    same: Same,
    copied: Copied,
}

/// A watch that is to be stored, with its history.
type Kept = (WatchRecord, Vec<Answers>);

/// How much of a delivery is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Absent,
    /// What was tried until its last replay, and that.
    Replayed,
    Whole,
}

/// How long jobs of one type took.
type OfType = (ProjectName, JobType, Durations);

impl Copying<'_> {
    async fn watches(&mut self) -> Result<(), CopyError> {
        let ended = |outcome| WatchFilter {
            outcome: Some(outcome),
            ..WatchFilter::default()
        };
        let active = WatchFilter {
            ended: Some(false),
            ..WatchFilter::default()
        };
        let (of_jobs, others): (Vec<Outcome>, Vec<Outcome>) = Outcome::ALL
            .into_iter()
            .partition(|one| one.is_of_the_job());
        for outcome in others.into_iter().chain(of_jobs) {
            self.watches_of(&ended(outcome)).await?;
        }
        self.watches_of(&active).await
    }

    async fn watches_of(&mut self, filter: &WatchFilter) -> Result<(), CopyError> {
        let mut before = None;
        loop {
            let records = self.from.watches(filter, page(before)).await;
            let records = records.map_err(CopyError::From)?;
            let Some(last) = records.last() else {
                return Ok(());
            };
            before = Some(last.watch.id);
            let count = records.len() as u64;
            let mut new = Vec::with_capacity(records.len());
            for record in records {
                let id = record.watch.id;
                if self.same.watches.contains(&id) {
                    continue;
                }
                let kept = self.from.watch(id).await.map_err(CopyError::From)?;
                if let Some(kept) = kept
                    && !self.is_there(&kept).await?
                {
                    new.push(kept);
                }
            }
            let copied = new.len() as u64;
            // Of several for one job, each has to have ended before the next is accepted.
            let mut jobs = HashSet::new();
            let mut group = Vec::new();
            for kept in new {
                let job = (kept.0.watch.project.clone(), kept.0.watch.job_id.clone());
                if !jobs.insert(job.clone()) {
                    self.store(std::mem::take(&mut group)).await?;
                    jobs = HashSet::from([job]);
                }
                group.push(kept);
            }
            self.store(group).await?;
            self.copied.watches += copied;
            self.copied.watches_before += count - copied;
            (self.tell)(self.copied);
        }
    }

    /// Whether the watch was copied before. One that was only accepted is to be stored once more.
    async fn is_there(&self, kept: &Kept) -> Result<bool, CopyError> {
        if !self.is_begun {
            return Ok(false);
        }
        let there = self
            .to
            .watch(kept.0.watch.id)
            .await
            .map_err(CopyError::To)?;
        let Some((mut record, answers)) = there else {
            return Ok(false);
        };
        record.fence = kept.0.fence;
        if record == kept.0 && answers == kept.1 {
            return Ok(true);
        }
        let is_begun = record.end.is_none()
            && record.progress == Progress::default()
            && answers.is_empty()
            && record.watch == kept.0.watch;
        if is_begun {
            return Ok(false);
        }
        let id = kept.0.watch.id;
        Err(other(format!(
            "the watch {id} has come further, or otherwise"
        )))
    }

    /// Stores watches of different jobs: accepts them, and then says how far they have come.
    async fn store(&self, kept: Vec<Kept>) -> Result<(), CopyError> {
        if kept.is_empty() {
            return Ok(());
        }
        let watches = kept.iter().map(|(record, _)| record.watch.clone());
        let accepts = [Change::AcceptAll(watches.collect())];
        let effects = self.to.commit(&accepts).await.map_err(CopyError::To)?;
        let Some(Effect::Each(effects)) = effects.into_iter().next() else {
            return Ok(());
        };
        let mut steps = Vec::with_capacity(kept.len());
        for ((copied, answers), effect) in kept.into_iter().zip(effects) {
            let Effect::Accepted { record, .. } = effect else {
                continue;
            };
            let (id, there) = (copied.watch.id, record.watch.id);
            if there != id {
                let job = record.watch.job_id;
                return Err(other(format!("the watch {there} for {job}")));
            }
            steps.extend(step(copied, answers, record.fence));
        }
        if !steps.is_empty() {
            self.commit(&steps).await?;
        }
        Ok(())
    }

    /// Stores changes that all have something to change.
    async fn commit(&self, changes: &[Change]) -> Result<(), CopyError> {
        let effects = self.to.commit(changes).await.map_err(CopyError::To)?;
        if effects.iter().any(|one| matches!(one, Effect::Nothing)) {
            return Err(other("somebody else changes it meanwhile".to_owned()));
        }
        Ok(())
    }

    async fn deliveries(&mut self) -> Result<(), CopyError> {
        // Each is read again with its attempts.
        let ids = DeliveryFilter {
            without_bodies: true,
            ..DeliveryFilter::default()
        };
        let mut before = None;
        loop {
            let deliveries = self
                .from
                .deliveries(&ids, page(before))
                .await
                .map_err(CopyError::From)?;
            let Some(last) = deliveries.last() else {
                return Ok(());
            };
            before = Some(last.id);
            let count = deliveries.len() as u64;
            let (mut new, mut replayed) = (Vec::new(), Vec::new());
            for delivery in deliveries {
                if self.same.deliveries.contains(&delivery.id) {
                    continue;
                }
                let kept = self.from.delivery(delivery.id).await;
                let Some(kept) = kept.map_err(CopyError::From)? else {
                    continue;
                };
                let standing = self.standing(&kept).await?;
                let (before, since) = parts(&kept);
                if standing != Standing::Whole && !before.is_empty() && !since.is_empty() {
                    replayed.push(kept.clone());
                }
                if standing == Standing::Absent {
                    new.push(kept);
                }
            }
            let copied = new.len() as u64;
            if !new.is_empty() {
                self.commit(&owed(new.iter())).await?;
            }
            self.retry(&replayed).await?;
            self.copied.deliveries += copied;
            self.copied.deliveries_before += count - copied;
            (self.tell)(self.copied);
        }
    }

    /// Stores what was tried since the last replay. Whether that has acquired the delivery, and raised
    /// its fence, is the store's to say.
    async fn retry(&self, replayed: &[Tried]) -> Result<(), CopyError> {
        let mut changes = Vec::new();
        for kept in replayed {
            let there = self.to.delivery(kept.0.id).await.map_err(CopyError::To)?;
            if let Some((there, _)) = there {
                changes.extend(retried(kept, there.fence));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.commit(&changes).await
    }

    async fn standing(&self, kept: &Tried) -> Result<Standing, CopyError> {
        if !self.is_begun {
            return Ok(Standing::Absent);
        }
        let (delivery, attempts) = kept;
        let there = self.to.delivery(delivery.id).await.map_err(CopyError::To)?;
        let Some((mut there, tried)) = there else {
            return Ok(Standing::Absent);
        };
        there.fence = delivery.fence;
        if there == *delivery && tried == *attempts {
            return Ok(Standing::Whole);
        }
        let (before, _) = parts(kept);
        let is_replayed = matches!(there.state, DeliveryState::Pending(_))
            && there.tries == 0
            && !before.is_empty()
            && tried == before;
        let is_same = (there.watch_id, &there.hook, &there.body)
            == (delivery.watch_id, &delivery.hook, &delivery.body);
        if is_replayed && is_same {
            return Ok(Standing::Replayed);
        }
        let id = delivery.id;
        Err(other(format!("the delivery {id} stands otherwise")))
    }

    /// What durations the other store lacks: all or none.
    async fn lacking(&self) -> Result<Vec<OfType>, CopyError> {
        let mut known = self.from.durations().await.map_err(CopyError::From)?;
        let mut there = self.to.durations().await.map_err(CopyError::To)?;
        for all in [&mut known, &mut there] {
            all.sort_by(|one, next| (&one.0, one.1.raw()).cmp(&(&next.0, next.1.raw())));
        }
        if known == there {
            Ok(Vec::new())
        } else if there.is_empty() {
            Ok(known)
        } else {
            Err(other("it knows how long other jobs took".to_owned()))
        }
    }

    /// All by one transaction: there are so few that it takes a moment, and a part of them couldn't be
    /// told from others.
    async fn durations(&self) -> Result<(), CopyError> {
        let known = self.lacking().await?;
        if known.is_empty() {
            return Ok(());
        }
        let of_type = |(project, job_type, durations): OfType| {
            let all: Vec<_> = durations.with_begin().collect();
            all.into_iter().filter_map(move |(began, took)| {
                let project = project.clone();
                let ran = Ran::new(job_type.clone(), began, took)?;
                Some(Change::Learn { project, ran })
            })
        };
        let changes: Vec<Change> = known.into_iter().flat_map(of_type).collect();
        self.commit(&changes).await
    }
}

fn page<Id>(before: Option<Id>) -> Page<Id> {
    Page {
        before,
        limit: PAGE,
    }
}

fn other(what: String) -> CopyError {
    CopyError::Other(what)
}
