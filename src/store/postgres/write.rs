//! Changes to rows, in one transaction.

mod accept;
mod deliver;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

pub(super) use self::accept::BOUNDLESS;
use super::collisions::again;
use super::holds;
use super::limits::{ServerLimits, setting};
use super::notices::{self, CHANNEL};
use super::statements::{
    ADD_ANSWERS, ADD_DURATION, BEFORE_PRUNING, END, LEARN, NOTE, PRUNE, RELEASE, TELL, TO_PRUNE,
    TOUCH,
};
use super::values::{escaped, uuid};
use crate::model::{Answers, Delivery, HookName, ProjectName, Ran, WatchId};
use crate::sanitize::ForeignText;
use crate::store::changes::{Step, changed, distinct, kind};
use crate::store::columns::{duration_millis, hooks, millis};
use crate::store::{Change, Effect, PRUNED_AT_ONCE};

/// As whom changes are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Author {
    /// The instance; 0 before it has joined.
    pub(super) id: i64,
    /// How many new watches it takes.
    pub(super) room: u64,
    /// Whether others have to hear what ends.
    pub(super) has_others: bool,
}

/// What came of changes.
pub(super) struct Written {
    pub(super) effects: Vec<Effect>,
    /// How many new watches were taken.
    pub(super) taken: u64,
}

/// Stores the changes, all or none.
pub(super) async fn commit(
    connection: &mut PgConnection,
    author: Author,
    changes: &[Change],
) -> sqlx::Result<Written> {
    again!(once(connection, author, changes))
}

async fn once(
    connection: &mut PgConnection,
    author: Author,
    changes: &[Change],
) -> sqlx::Result<Written> {
    let mut transaction = connection.begin().await?;
    let mut writing = Writing {
        connection: &mut transaction,
        author,
        taken: 0,
        told: Told::default(),
    };
    if changes.is_empty() {
        sqlx::query(TOUCH).execute(&mut *writing.connection).await?;
    }
    let mut effects = Vec::with_capacity(changes.len());
    for alike in changes.chunk_by(|one, next| kind(one) == kind(next)) {
        effects.extend(writing.store_alike(alike).await?);
    }
    let taken = writing.taken;
    let words = writing.told.words(author);
    tell(&mut transaction, &words).await?;
    transaction.commit().await?;
    Ok(Written { effects, taken })
}

/// Tells others, once the transaction is over.
pub(super) async fn tell(connection: &mut PgConnection, words: &[String]) -> sqlx::Result<()> {
    if !words.is_empty() {
        let query = sqlx::query(TELL).bind(CHANNEL).bind(words);
        query.execute(connection).await?;
    }
    Ok(())
}

/// What others are to be told.
#[derive(Default)]
struct Told {
    /// That there are orphans.
    orphans: bool,
    /// Those of whom something is wanted.
    wished: BTreeSet<i64>,
    ended: Vec<WatchId>,
}

impl Told {
    fn words(&self, author: Author) -> Vec<String> {
        let mut words: Vec<String> = self.wished.iter().copied().map(notices::wished).collect();
        words.extend(self.orphans.then(notices::changed));
        if author.has_others {
            words.extend(notices::ended(author.id, &self.ended));
        }
        words
    }
}

/// A transaction under way.
struct Writing<'t> {
    connection: &'t mut PgConnection,
    author: Author,
    taken: u64,
    told: Told,
}

impl Writing<'_> {
    /// Stores changes of one kind.
    async fn store_alike(&mut self, changes: &[Change]) -> sqlx::Result<Vec<Effect>> {
        let mut watches = Vec::new();
        let mut steps = Vec::new();
        let mut attempts = Vec::new();
        let mut replays = Vec::new();
        let mut learned = Vec::new();
        let mut effects = Vec::new();
        for change in changes {
            match change {
                Change::Accept(watch) => watches.push(watch),
                Change::AcceptAll(watches) => {
                    let accepted = self.accept(&watches.iter().collect::<Vec<_>>()).await?;
                    effects.push(Effect::Each(accepted));
                }
                Change::Note { .. } | Change::End { .. } | Change::Release { .. } => {
                    steps.extend(Step::of(change));
                }
                Change::Owe(deliveries) => effects.push(self.owe_apart(deliveries).await?),
                Change::Attempted {
                    delivery_id,
                    fence,
                    attempt,
                    state,
                } => attempts.push((*delivery_id, *fence, attempt, *state)),
                Change::Replay { delivery_id, due } => replays.push((*delivery_id, *due)),
                Change::Learn { project, ran } => learned.push((project, ran)),
                // Wall time is the database's, for all who share it.
                Change::SeenAt(_) | Change::ShiftTimes { .. } => effects.push(Effect::Done),
                Change::Prune(before) => effects.push(self.prune(*before).await?),
                Change::Hold(change) => {
                    holds::store(&mut *self.connection, change).await?;
                    effects.push(Effect::Done);
                }
            }
        }
        effects.extend(self.accept(&watches).await?);
        for steps in distinct(&steps, Step::id) {
            effects.extend(self.proceed(steps).await?);
        }
        effects.extend(self.attempted(&attempts).await?);
        effects.extend(self.replay(&replays).await?);
        effects.extend(self.learn(&learned).await?);
        Ok(effects)
    }

    /// Steps of different watches, whose order is of no matter.
    async fn proceed(&mut self, steps: &[Step<'_>]) -> sqlx::Result<Vec<Effect>> {
        let (mut ends, mut notes): (Vec<&Step>, Vec<&Step>) =
            steps.iter().partition(|step| step.end.is_some());
        // Rows are locked in one order everywhere, so that nobody waits in a circle.
        ends.sort_unstable_by_key(|step| step.watch_id);
        notes.sort_unstable_by_key(|step| step.watch_id);
        let mut stored = self.note(&notes).await?;
        stored.extend(self.end(&ends).await?);
        let took: Vec<bool> = steps
            .iter()
            .map(|step| stored.contains_key(&uuid(&step.id())))
            .collect();

        let taken: Vec<&Step> = changed(steps, &took).collect();
        self.release(&taken).await?;
        self.add_answers(&taken).await?;
        let deliveries: Vec<&Delivery> = taken.iter().flat_map(|step| step.deliveries).collect();
        self.owe(&deliveries).await?;
        self.add_durations(&taken).await?;
        let ended = taken.iter().filter(|step| step.end.is_some());
        self.told.ended.extend(ended.map(|step| step.watch_id));
        let effect = |step: &Step| match (stored.remove(&uuid(&step.id())), step.end) {
            (Some(hooks), Some(_)) => Effect::Ended(hooks),
            (Some(_), None) => Effect::Done,
            (None, _) => Effect::Nothing,
        };
        Ok(steps.iter().map(effect).collect())
    }

    /// Those that it changed.
    async fn note(&mut self, notes: &[&Step<'_>]) -> sqlx::Result<HashMap<Uuid, Arc<[HookName]>>> {
        if notes.is_empty() {
            return Ok(HashMap::new());
        }
        let query = bind_progress(sqlx::query(NOTE).bind(self.author.id), notes);
        let rows = query.fetch_all(&mut *self.connection).await?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, [].into())))
            .collect()
    }

    /// Those that it changed, with their hooks.
    async fn end(&mut self, ends: &[&Step<'_>]) -> sqlx::Result<HashMap<Uuid, Arc<[HookName]>>> {
        if ends.is_empty() {
            return Ok(HashMap::new());
        }
        let each = || ends.iter().filter_map(|step| step.end);
        let faults = || each().map(|end| end.fault.as_ref());
        let rows = bind_progress(sqlx::query(END).bind(self.author.id), ends)
            .bind(all(each().map(|end| end.outcome.as_str())))
            .bind(all(each().map(|end| millis(end.at))))
            .bind(all(faults().map(|fault| fault?.http_status.map(i32::from))))
            .bind(all(faults().map(|fault| fault?.code.as_ref().map(raw))))
            .bind(all(faults().map(|fault| Some(raw(&fault?.message)))))
            .bind(all(
                faults().map(|fault| fault?.request_id.as_ref().map(raw))
            ))
            .bind(all(each().map(|end| end.outcome.is_of_the_job())))
            .fetch_all(&mut *self.connection)
            .await?;
        rows.iter()
            .map(|row| {
                let hooks = hooks(row.try_get(1)?);
                let hooks = hooks.map_err(|why| sqlx::Error::Decode(why.into()))?;
                Ok((row.try_get(0)?, hooks))
            })
            .collect()
    }

    async fn release(&mut self, steps: &[&Step<'_>]) -> sqlx::Result<()> {
        let released = steps.iter().filter(|step| step.released);
        let released = all(released.map(|step| uuid(&step.id())));
        if !released.is_empty() && self.author.id != 0 {
            let query = sqlx::query(RELEASE).bind(released).bind(self.author.id);
            query.execute(&mut *self.connection).await?;
            self.told.orphans = true;
        }
        Ok(())
    }

    async fn add_answers(&mut self, steps: &[&Step<'_>]) -> sqlx::Result<()> {
        let answers: Vec<(WatchId, &Answers)> = steps
            .iter()
            .flat_map(|step| step.answers.iter().map(|one| (step.watch_id, one)))
            .collect();
        if answers.is_empty() {
            return Ok(());
        }
        let each = || answers.iter().map(|(_, one)| one);
        sqlx::query(ADD_ANSWERS)
            .bind(all(answers.iter().map(|(id, _)| uuid(id.as_bytes()))))
            .bind(all(each().map(|one| escaped(&one.answer))))
            .bind(all(each().map(|one| i64::from(one.count))))
            .bind(all(each().map(|one| millis(one.first_at))))
            .bind(all(each().map(|one| millis(one.last_at))))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn add_durations(&mut self, steps: &[&Step<'_>]) -> sqlx::Result<()> {
        let durations: Vec<(WatchId, &Ran)> = steps
            .iter()
            .filter_map(|step| Some((step.watch_id, step.ran?)))
            .collect();
        if durations.is_empty() {
            return Ok(());
        }
        let each = || durations.iter().map(|(_, ran)| ran);
        sqlx::query(ADD_DURATION)
            .bind(all(durations.iter().map(|(id, _)| uuid(id.as_bytes()))))
            .bind(all(each().map(|ran| raw(ran.job_type.text()))))
            .bind(all(each().map(|ran| millis(ran.began))))
            .bind(all(each().map(|ran| duration_millis(ran.took))))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn learn(&mut self, learned: &[(&ProjectName, &Ran)]) -> sqlx::Result<Vec<Effect>> {
        if learned.is_empty() {
            return Ok(Vec::new());
        }
        let each = || learned.iter().map(|(_, ran)| ran);
        sqlx::query(LEARN)
            .bind(all(learned.iter().map(|(project, _)| project.as_str())))
            .bind(all(each().map(|ran| raw(ran.job_type.text()))))
            .bind(all(each().map(|ran| millis(ran.began))))
            .bind(all(each().map(|ran| duration_millis(ran.took))))
            .execute(&mut *self.connection)
            .await?;
        Ok(vec![Effect::Done; learned.len()])
    }

    async fn prune(&mut self, before: SystemTime) -> sqlx::Result<Effect> {
        let limit = setting(ServerLimits::BULK.statement);
        let limit = AssertSqlSafe(format!("SET LOCAL statement_timeout = '{limit}'"));
        sqlx::raw_sql(limit).execute(&mut *self.connection).await?;
        sqlx::raw_sql(BEFORE_PRUNING)
            .execute(&mut *self.connection)
            .await?;
        let settled: Vec<Uuid> = sqlx::query_scalar(TO_PRUNE)
            .bind(millis(before))
            .bind(i64::try_from(PRUNED_AT_ONCE).unwrap_or(i64::MAX))
            .fetch_all(&mut *self.connection)
            .await?;
        let query = sqlx::query(PRUNE).bind(settled);
        let done = query.execute(&mut *self.connection).await?;
        Ok(Effect::Pruned(done.rows_affected()))
    }
}

/// A column.
fn all<T>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect()
}

type Prepared<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn raw(text: &ForeignText) -> Cow<'_, str> {
    escaped(text.raw())
}

fn bind_progress<'q>(query: Prepared<'q>, steps: &[&Step<'_>]) -> Prepared<'q> {
    let jobs = || steps.iter().map(|step| step.progress.job.as_ref());
    query
        .bind(all(steps.iter().map(|step| uuid(&step.id()))))
        .bind(all(steps.iter().map(|step| i64::from(step.fence.number()))))
        .bind(all(steps.iter().map(|step| i64::from(step.progress.polls))))
        .bind(all(jobs().map(|job| Some(escaped(job?.status.raw())))))
        .bind(all(
            jobs().map(|job| Some(raw(job?.job_type.as_ref()?.text())))
        ))
        .bind(all(jobs().map(|job| job?.begin_time.map(millis))))
        .bind(all(jobs().map(|job| job?.end_time.map(millis))))
        .bind(all(jobs().map(|job| job?.fail_reason.as_ref().map(raw))))
}
