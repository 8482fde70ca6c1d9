//! A store that ends with the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::changes::done_if;
use super::{
    Change, Counts, DeliveryFilter, Effect, PRUNED_AT_ONCE, Page, Store, StoreFuture, WatchFilter,
};
use crate::model::{
    Answers, Attempt, CredentialHold, Delivery, DeliveryId, DeliveryState, Durations, Fence,
    HoldChange, HoldReason, JobId, JobType, Progress, ProjectName, Ran, Watch, WatchId,
    WatchRecord,
};

/// Keeps everything in memory. Reading and writing always succeed.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    watches: BTreeMap<WatchId, (WatchRecord, Vec<Answers>)>,
    /// The watch that an order for this job joins.
    joinable: BTreeMap<(ProjectName, JobId), WatchId>,
    deliveries: BTreeMap<DeliveryId, (Delivery, Vec<Attempt>)>,
    /// The deliveries of each watch.
    owed: BTreeMap<WatchId, Vec<DeliveryId>>,
    durations: HashMap<(ProjectName, JobType), Durations>,
    holds: Vec<CredentialHold>,
    is_unfinished: bool,
    seen_at: Option<SystemTime>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is there already: nothing here ever waits.
fn at_once<'a, T: Send + 'a>(answer: T) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Ok(answer)))
}

impl Store for MemoryStore {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> StoreFuture<'a, Vec<Effect>> {
        let mut state = self.state();
        at_once(changes.iter().map(|change| state.apply(change)).collect())
    }

    fn active(&self, after: Option<WatchId>, limit: u32) -> StoreFuture<'_, Vec<WatchRecord>> {
        let state = self.state();
        let records = state.watches.values().map(|(record, _)| record);
        let active = records
            .filter(|record| record.end.is_none() && Some(record.watch.id) > after)
            .take(limit as usize);
        at_once(active.cloned().collect())
    }

    fn pending(&self, after: Option<DeliveryId>, limit: u32) -> StoreFuture<'_, Vec<Delivery>> {
        let state = self.state();
        let pending = state
            .pending()
            .filter(|delivery| Some(delivery.id) > after)
            .take(limit as usize);
        at_once(pending.cloned().collect())
    }

    fn watch(&self, id: WatchId) -> StoreFuture<'_, Option<(WatchRecord, Vec<Answers>)>> {
        at_once(self.state().watches.get(&id).cloned())
    }

    fn watches<'a>(
        &'a self,
        filter: &'a WatchFilter,
        page: Page<WatchId>,
    ) -> StoreFuture<'a, Vec<WatchRecord>> {
        let state = self.state();
        let records = state.watches.values().rev().map(|(record, _)| record);
        let found = records
            .filter(|record| page.before.is_none_or(|before| record.watch.id < before))
            .filter(|record| is_asked_for(record, filter))
            .take(page.limit as usize);
        at_once(found.cloned().collect())
    }

    fn delivery(&self, id: DeliveryId) -> StoreFuture<'_, Option<(Delivery, Vec<Attempt>)>> {
        at_once(self.state().deliveries.get(&id).cloned())
    }

    fn deliveries<'a>(
        &'a self,
        filter: &'a DeliveryFilter,
        page: Page<DeliveryId>,
    ) -> StoreFuture<'a, Vec<Delivery>> {
        let state = self.state();
        let deliveries = state.deliveries.values().rev().map(|(one, _)| one);
        let found = deliveries
            .filter(|one| page.before.is_none_or(|before| one.id < before))
            .filter(|one| filter.state.is_none_or(|state| one.state.as_str() == state))
            .filter(|one| filter.hook.as_ref().is_none_or(|hook| one.hook == *hook))
            .filter(|one| filter.watch_id.is_none_or(|id| one.watch_id == id))
            .take(page.limit as usize);
        let found = found.cloned().map(|one| match filter.without_bodies {
            true => Delivery {
                body: "".into(),
                ..one
            },
            false => one,
        });
        at_once(found.collect())
    }

    fn durations(&self) -> StoreFuture<'_, Vec<(ProjectName, JobType, Durations)>> {
        let state = self.state();
        let durations = state.durations.iter();
        let mut all: Vec<_> = durations
            .map(|((project, job_type), durations)| {
                (project.clone(), job_type.clone(), durations.clone())
            })
            .collect();
        all.sort_by(|a, b| (&a.0, a.1.raw()).cmp(&(&b.0, b.1.raw())));
        at_once(all)
    }

    fn holds(&self) -> StoreFuture<'_, Vec<CredentialHold>> {
        at_once(self.state().holds.clone())
    }

    fn seen_at(&self) -> StoreFuture<'_, Option<SystemTime>> {
        at_once(self.state().seen_at)
    }

    fn counts(&self) -> StoreFuture<'_, Counts> {
        let state = self.state();
        let ended = state.watches.values().filter(|(one, _)| one.end.is_some());
        let dead = state.deliveries.values();
        let dead = dead.filter(|(one, _)| one.state == DeliveryState::Dead);
        let ended = ended.count() as u64;
        at_once(Counts {
            active: state.watches.len() as u64 - ended,
            ended,
            pending: state.pending().count() as u64,
            dead: dead.count() as u64,
            oldest_pending: state.pending().next().map(|one| one.created_at),
        })
    }

    fn mark_unfinished(&self, is_unfinished: bool) -> StoreFuture<'_, ()> {
        self.state().is_unfinished = is_unfinished;
        at_once(())
    }

    fn is_unfinished(&self) -> StoreFuture<'_, bool> {
        at_once(self.state().is_unfinished)
    }
}

fn shifted(time: SystemTime, by_millis: i64) -> SystemTime {
    let by = Duration::from_millis(by_millis.unsigned_abs());
    let shifted = if by_millis < 0 {
        time.checked_sub(by)
    } else {
        time.checked_add(by)
    };
    shifted.unwrap_or(time)
}

fn is_asked_for(record: &WatchRecord, filter: &WatchFilter) -> bool {
    let WatchRecord { watch, end, .. } = record;
    let outcome = end.as_ref().map(|end| end.outcome);
    filter.ended.is_none_or(|ended| ended == end.is_some())
        && filter.outcome.is_none_or(|wanted| outcome == Some(wanted))
        && filter
            .project
            .as_ref()
            .is_none_or(|one| watch.project == *one)
        && filter
            .job_id
            .as_ref()
            .is_none_or(|one| watch.job_id == *one)
}

impl State {
    fn hold(&mut self, change: &HoldChange) {
        let is_refusal = |hold: &CredentialHold| matches!(hold.reason, HoldReason::Refused(_));
        match change {
            HoldChange::Held(new) => {
                let replaces =
                    |old: &CredentialHold| old.key == new.key && is_refusal(old) == is_refusal(new);
                self.holds.retain(|old| !replaces(old));
                self.holds.push(new.clone());
            }
            HoldChange::Accepted { key } => {
                self.holds.retain(|old| old.key != *key || !is_refusal(old));
            }
            HoldChange::Lifted { keys } => self.holds.retain(|old| !keys.contains(&old.key)),
        }
    }

    fn apply(&mut self, change: &Change) -> Effect {
        match change {
            Change::Accept(watch) => self.accept(watch),
            Change::AcceptAll(watches) => {
                Effect::Each(watches.iter().map(|watch| self.accept(watch)).collect())
            }
            Change::Note {
                watch_id,
                progress,
                answers,
                ..
            }
            | Change::Release {
                watch_id,
                progress,
                answers,
                ..
            } => done_if(self.proceed(*watch_id, progress, answers).is_some()),
            Change::End {
                watch_id,
                progress,
                end,
                answers,
                deliveries,
                ran,
                ..
            } => {
                let Some(record) = self.proceed(*watch_id, progress, answers) else {
                    return Effect::Nothing;
                };
                record.end = Some(end.clone());
                let key = (record.watch.project.clone(), record.watch.job_id.clone());
                if !end.outcome.is_of_the_job() {
                    self.joinable.remove(&key);
                }
                if let Some(ran) = ran {
                    self.learn(key.0, ran);
                }
                self.owe(deliveries);
                Effect::Done
            }
            Change::Owe(deliveries) => done_if(self.owe(deliveries)),
            Change::Attempted {
                delivery_id,
                attempt,
                state,
                ..
            } => done_if(self.attempted(*delivery_id, attempt, *state)),
            Change::Replay { delivery_id, due } => {
                let Some((delivery, _)) = self.deliveries.get_mut(delivery_id) else {
                    return Effect::Nothing;
                };
                delivery.state = DeliveryState::Pending(*due);
                delivery.tries = 0;
                Effect::Done
            }
            Change::Learn { project, ran } => {
                self.learn(project.clone(), ran);
                Effect::Done
            }
            Change::Prune(before) => self.prune(*before),
            Change::Hold(change) => {
                self.hold(change);
                Effect::Done
            }
            Change::SeenAt(now) => {
                self.seen_at = Some(*now);
                Effect::Done
            }
            Change::ShiftTimes { by_millis } => self.shift_times(*by_millis),
        }
    }

    fn shift_times(&mut self, by_millis: i64) -> Effect {
        let watches = self.watches.values_mut().map(|(record, _)| record);
        for record in watches.filter(|record| record.end.is_none()) {
            let watch = &mut record.watch;
            watch.accepted_at = shifted(watch.accepted_at, by_millis);
            watch.deadline_at = watch.deadline_at.map(|at| shifted(at, by_millis));
        }
        for (delivery, _) in self.deliveries.values_mut() {
            if let DeliveryState::Pending(due) = &mut delivery.state {
                *due = shifted(*due, by_millis);
            }
        }
        Effect::Done
    }

    fn learn(&mut self, project: ProjectName, ran: &Ran) {
        let of_type = (project, ran.job_type.clone());
        let durations = self.durations.entry(of_type).or_default();
        durations.add(ran.began, ran.took);
    }

    fn accept(&mut self, watch: &Watch) -> Effect {
        let key = (watch.project.clone(), watch.job_id.clone());
        let joined = self.joinable.get(&key);
        if let Some((record, _)) = joined.and_then(|id| self.watches.get_mut(id)) {
            record.watch.join(&watch.hooks);
            return Effect::Accepted {
                record: Box::new(record.clone()),
                joined: true,
                held: true,
            };
        }
        let record = WatchRecord {
            watch: watch.clone(),
            progress: Progress::default(),
            end: None,
            fence: Fence::FIRST,
        };
        self.joinable.insert(key, watch.id);
        self.watches.insert(watch.id, (record.clone(), Vec::new()));
        Effect::Accepted {
            record: Box::new(record),
            joined: false,
            held: true,
        }
    }

    /// Notes how far an active watch has come.
    fn proceed(
        &mut self,
        id: WatchId,
        progress: &Progress,
        answers: &[Answers],
    ) -> Option<&mut WatchRecord> {
        let (record, history) = self.watches.get_mut(&id)?;
        if record.end.is_some() {
            return None;
        }
        record.progress = progress.clone();
        history.extend_from_slice(answers);
        Some(record)
    }

    /// Whether anything is owed that wasn't before.
    fn owe(&mut self, deliveries: &[Delivery]) -> bool {
        let before = self.deliveries.len();
        for delivery in deliveries {
            let watch = self.watches.get(&delivery.watch_id);
            let ended = watch.is_some_and(|(record, _)| record.end.is_some());
            let is_new = self
                .of_watch(delivery.watch_id)
                .all(|other| other.hook != delivery.hook);
            if ended && is_new {
                let owed = self.owed.entry(delivery.watch_id).or_default();
                owed.push(delivery.id);
                let kept = (delivery.clone(), Vec::new());
                self.deliveries.insert(delivery.id, kept);
            }
        }
        self.deliveries.len() > before
    }

    fn attempted(&mut self, id: DeliveryId, attempt: &Attempt, state: DeliveryState) -> bool {
        let Some((delivery, attempts)) = self.deliveries.get_mut(&id) else {
            return false;
        };
        if attempts.iter().any(|one| one.number == attempt.number) {
            return false;
        }
        attempts.push(attempt.clone());
        delivery.state = state;
        delivery.attempts += 1;
        delivery.tries += 1;
        true
    }

    fn prune(&mut self, before: SystemTime) -> Effect {
        let is_settled = |id: WatchId| {
            let mut deliveries = self.of_watch(id);
            deliveries.all(|one| one.state == DeliveryState::Delivered)
        };
        let forgotten: Vec<WatchId> = self
            .watches
            .values()
            .filter(|(record, _)| record.end.as_ref().is_some_and(|end| end.at < before))
            .map(|(record, _)| record.watch.id)
            .filter(|id| is_settled(*id))
            .take(PRUNED_AT_ONCE)
            .collect();
        for id in &forgotten {
            self.watches.remove(id);
            for delivery in self.owed.remove(id).unwrap_or_default() {
                self.deliveries.remove(&delivery);
            }
        }
        let watches = &self.watches;
        self.joinable.retain(|_, id| watches.contains_key(id));
        Effect::Pruned(forgotten.len() as u64)
    }

    fn of_watch(&self, id: WatchId) -> impl Iterator<Item = &Delivery> {
        let owed = self.owed.get(&id).into_iter().flatten();
        owed.filter_map(|id| Some(&self.deliveries.get(id)?.0))
    }

    /// What is to be carried out, from the oldest on.
    fn pending(&self) -> impl Iterator<Item = &Delivery> {
        let all = self.deliveries.values().map(|(one, _)| one);
        all.filter(|one| matches!(one.state, DeliveryState::Pending(_)))
    }
}
