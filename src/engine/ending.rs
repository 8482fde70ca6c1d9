//! How a watch's end is stored and told, and what is owed for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::active::Active;
use super::shared::{Aside, Shared};
use crate::hooks::Payload;
use crate::model::{
    Delivery, DeliveryState, End, Fence, HookName, Outcome, Progress, ProjectId, Ran, Watch,
    WatchEvent, WatchEventKind, WatchId, WatchRecord, WatchReport,
};
use crate::store::{Change, DeliveryFilter, Effect, Page, StoreError, Wish};

/// More deliveries than a watch can have: a hook has one.
const ALL: u32 = 10_000;

/// How long until what couldn't be read is read again.
const AGAIN: Duration = Duration::from_secs(5);

/// Stores how a watch has ended and what is owed for it, however long that takes; and only then
/// tells of it, and has it delivered.
pub(super) async fn end(
    shared: &Shared,
    active: &Active,
    report: Box<WatchReport>,
    misconfigured: bool,
) {
    let watch = &active.watch();
    let at = shared.clock.now();
    let answers = active.begin_ending(&report, at);
    let project_id = report.project_id.clone();
    let progress = Progress {
        polls: report.polls,
        job: report.job.clone().map(Arc::new),
    };
    let end = End {
        outcome: report.outcome,
        fault: report.fault.clone(),
        at,
    };
    let mut hooks = active.hooks();
    let owed = |hooks: &[HookName]| {
        let project_id = project_id.as_ref();
        deliveries(shared, watch, project_id, &progress, &end, hooks)
    };
    let deliveries = owed(&hooks);
    let ran = progress.job.as_deref().and_then(|job| {
        let longest = |job_type| shared.known.longest(&watch.project, job_type);
        let longest = job.job_type.as_ref().and_then(longest);
        Ran::seen(job, at, report.waited, longest)
    });
    let ran = ran.filter(|ran| shared.known.has_room(&watch.project, ran));
    let change = Change::End {
        watch_id: watch.id,
        fence: active.fence(),
        progress: progress.clone(),
        end: end.clone(),
        answers,
        deliveries: deliveries.clone(),
        ran: ran.clone(),
    };
    let effect = shared.recorder.keep(change).await;
    if let Effect::Nothing = effect {
        tracing::warn!(
            "its end changes nothing: it was stored before, or the watch is another daemon's by now"
        );
        // Whether anything was learned with it isn't known here: the next run reads it.
        while let Err(error) = catch_up(shared, active, &report).await {
            tracing::warn!(%error, "what it owes can't be read or stored now, and waits");
            sleep(AGAIN).await;
        }
        shared.forget(active);
        // Where it goes on and is held here all the same, it is polled again.
        shared.look_for_strays();
        return;
    }
    if let Effect::Ended(joined) = effect {
        active.join(&joined);
    }
    let outcome = end.outcome.as_str();
    let fault = report.fault.as_ref().map(ToString::to_string);
    tracing::info!(outcome, polls = report.polls, fault, "ended");
    if misconfigured && let Some(attendant) = &shared.attendant {
        attendant(Aside::Misconfigured);
    }
    if let Some(ran) = ran {
        shared.known.learn(&watch.project, &ran);
    }
    tell(shared, watch, report);
    shared.carry_out(deliveries);
    loop {
        let further = active.further_hooks(hooks.len());
        if further.is_empty() {
            break;
        }
        let deliveries = owed(&further);
        let change = Change::Owe(deliveries.clone());
        if let Effect::Done = shared.recorder.keep(change).await {
            shared.carry_out(deliveries);
        }
        hooks.extend(further);
    }
    shared.forget(active);
}

/// Has what is owed for an end carried out that was stored without anybody hearing of it: as when the
/// disk said no and meant yes, or this failed half-way.
async fn catch_up(
    shared: &Shared,
    active: &Active,
    report: &WatchReport,
) -> Result<(), StoreError> {
    let id = active.id;
    let Some((record, _)) = shared.store.watch(id).await? else {
        return Ok(());
    };
    let Some(end) = &record.end else {
        // It goes on with another daemon, which is to know what was wanted of it here.
        if let (Some(leases), Outcome::Cancelled) = (&shared.leases, report.outcome) {
            leases.store.wish(id, Wish::CallOff).await?;
        }
        return Ok(());
    };
    // Where others share the store, they may be theirs; those that are not are strays.
    if shared.leases.is_none() {
        let known = deliveries_of(shared, id).await?;
        shared.dispatcher.take_on(known);
    }
    owe(shared, &record, end, &active.hooks()).await?;
    let stored = WatchReport {
        outcome: end.outcome,
        fault: end.fault.clone(),
        polls: record.progress.polls,
        job: record.progress.job.as_deref().cloned(),
        ..report.clone()
    };
    tell(shared, &active.watch(), Box::new(stored));
    Ok(())
}

/// Has a watch that stops here go on with another daemon.
pub(super) async fn release(shared: &Shared, active: &Active) {
    let note = active.last_note();
    let change = Change::Release {
        watch_id: active.id,
        fence: active.fence(),
        progress: note.progress,
        answers: note.answers,
    };
    let released = shared.recorder.store(change).await;
    shared.forget(active);
    if !matches!(released, Ok(Effect::Done)) {
        shared.look_for_strays();
    }
}

fn tell(shared: &Shared, watch: &Watch, report: Box<WatchReport>) {
    let event = WatchEvent {
        job_id: report.job_id.clone(),
        waited: report.waited,
        polls: report.polls,
        kind: WatchEventKind::Ended(report),
    };
    shared.tell(watch.id, &watch.project, event);
}

/// What the hooks owe for how the watch ended.
fn deliveries(
    shared: &Shared,
    watch: &Watch,
    project_id: Option<&ProjectId>,
    progress: &Progress,
    end: &End,
    hooks: &[HookName],
) -> Vec<Delivery> {
    let setup = shared.setup();
    let mut fire = hooks
        .iter()
        .filter(|hook| setup.fires(hook, end.outcome))
        .peekable();
    if fire.peek().is_none() {
        return Vec::new();
    }
    let body = Payload::new(watch, project_id, progress, end).to_body();
    let now = shared.clock.now();
    fire.map(|hook| Delivery {
        id: shared.new_delivery_id(),
        watch_id: watch.id,
        hook: hook.clone(),
        body: body.clone(),
        created_at: now,
        state: DeliveryState::Pending(now),
        attempts: 0,
        tries: 0,
        fence: Fence::FIRST,
    })
    .collect()
}

/// Has these hooks fire for a watch that has ended, where they haven't yet.
pub(super) async fn owe(
    shared: &Shared,
    record: &WatchRecord,
    end: &End,
    hooks: &[HookName],
) -> Result<(), StoreError> {
    let known = deliveries_of(shared, record.watch.id).await?;
    let further: Vec<HookName> = hooks
        .iter()
        .filter(|hook| known.iter().all(|delivery| delivery.hook != **hook))
        .cloned()
        .collect();
    let setup = shared.setup();
    let project = setup.projects.get(&record.watch.project);
    let project_id = project.and_then(|project| project.session.source.project_id());
    let made = deliveries(
        shared,
        &record.watch,
        project_id.as_ref(),
        &record.progress,
        end,
        &further,
    );
    for one in made {
        match shared
            .recorder
            .store(Change::Owe(vec![one.clone()]))
            .await?
        {
            Effect::Nothing => is_owed(shared, &one).await?,
            _ => shared.carry_out(vec![one]),
        }
    }
    Ok(())
}

/// Makes sure that somebody else was first with a delivery that couldn't be added.
async fn is_owed(shared: &Shared, one: &Delivery) -> Result<(), StoreError> {
    let known = deliveries_of(shared, one.watch_id).await?;
    if known.iter().any(|other| other.hook == one.hook) {
        return Ok(());
    }
    Err(StoreError::NotNow {
        doing: "written",
        why: "the watch was forgotten in this moment; add the job again".to_owned(),
    })
}

/// All deliveries for a watch.
pub(super) async fn deliveries_of(
    shared: &Shared,
    watch_id: WatchId,
) -> Result<Vec<Delivery>, StoreError> {
    let filter = DeliveryFilter {
        watch_id: Some(watch_id),
        ..DeliveryFilter::default()
    };
    let page = Page {
        before: None,
        limit: ALL,
    };
    shared.store.deliveries(&filter, page).await
}
