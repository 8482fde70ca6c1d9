//! The event stream: server-sent events, of all watches or of one.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::problem::{Problem, text};
use super::serve::HalfClosed;
use super::shapes::{ErrorShape, EventShape};
use super::{App, ask, watches};
use crate::engine::{Engine, Told};
use crate::model::{WatchEvent, WatchEventKind, WatchId, WatchRecord, WatchReport};
use crate::store::StoreError;

/// How often a stream on which nothing happens shows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The same after the client has closed its sending side: it may be gone, and the number of streams is
/// limited.
const HALF_CLOSED_HEARTBEAT: Duration = Duration::from_secs(1);
/// How many events wait for a reader, beside those in the socket's buffers and in the channel that
/// all streams share.
const AHEAD: usize = 16;

/// What happens, as server-sent events: each has the event's word as its `event`, and an object as
/// its `data`. Of one watch, where that is asked for: then the first event is `watch`, how it stands,
/// and the stream ends once the watch has. A reader that is too slow gets `lagged` in place of what
/// it missed, and then `watch` again. A comment every 15 seconds shows that the stream is alive.
/// Where several daemons share the store, everything is told of the watches that the asked one polls,
/// and of the others only how they end. After it had lost touch with the other daemons it sends
/// `lagged` with 0: what they did meanwhile may be missing.
#[utoipa::path(
    get, path = "/v1/events", operation_id = "follow_events", tag = "events",
    params(
        ("watch_id" = Option<String>, Query, description = "Only what happens to this watch.",
            format = "uuid"),
    ),
    responses(
        (status = OK, description = "the stream", body = EventShape,
            content_type = "text/event-stream"),
        (status = BAD_REQUEST, description = "`invalid_query`", body = ErrorShape),
        (status = NOT_FOUND, description = "`unknown_watch`", body = ErrorShape),
    )
)]
pub(super) async fn follow(
    State(app): State<App>,
    Extension(HalfClosed(half_closed)): Extension<HalfClosed>,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked = ask::Asked::of(&uri, &["watch_id"])?;
    let one: Option<WatchId> = asked.parsed("watch_id")?;
    let seat = std::sync::Arc::clone(&app.streams).try_acquire_owned();
    let seat = seat.map_err(|_| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "too many event streams are open; close some, or raise [http] max_connections",
        )
    })?;
    // Listening first and reading then misses nothing that happens in between.
    let told = app.events.subscribe();
    let record = match one {
        Some(id) => Some(
            read(&app.engine, id)
                .await?
                .ok_or_else(|| watches::unknown(id))?,
        ),
        None => None,
    };
    let (sender, receiver) = mpsc::channel(AHEAD);
    let beats = sender.clone();
    let teller = Teller {
        app: App::clone(&app),
        one,
        told,
        reader: sender,
    };
    let stop = app.stop.clone();
    tokio::spawn(async move {
        let telling = async {
            match record {
                Some(record) => teller.tell_of(record).await,
                None => teller.tell_all().await,
            }
        };
        let until_gone = async {
            half_closed.cancelled().await;
            beat(&beats).await;
        };
        let telling = async {
            tokio::select! {
                () = telling => {}
                () = until_gone => {}
            }
        };
        stop.run_until_cancelled(telling).await;
        drop(seat);
    });
    let stream = Sse::new(Events(receiver)).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    Ok(stream.into_response())
}

/// Sends comments until the client is gone. After a half-close, only a failed write shows that.
async fn beat(reader: &mpsc::Sender<Event>) {
    while reader.send(Event::default().comment("")).await.is_ok() {
        sleep(HALF_CLOSED_HEARTBEAT).await;
    }
}

async fn read(engine: &Engine, id: WatchId) -> Result<Option<WatchRecord>, StoreError> {
    let found = engine.store().watch(id).await?;
    Ok(found.map(|(record, _)| record))
}

/// The reader is gone.
struct Gone;

/// Tells one reader.
struct Teller {
    app: App,
    /// The watch that it is about, where it isn't about all.
    one: Option<WatchId>,
    told: broadcast::Receiver<Told>,
    reader: mpsc::Sender<Event>,
}

/// What a teller hears.
enum Heard {
    Told(Told),
    Missed(u64),
}

impl Teller {
    async fn tell_all(mut self) {
        while let Some(heard) = self.hear().await {
            let event = match heard {
                Heard::Told(told) => EventShape::of(&told),
                Heard::Missed(missed) => Some(EventShape::Lagged { missed }),
            };
            if let Some(event) = event
                && self.send(&event).await.is_err()
            {
                return;
            }
        }
    }

    /// Tells of one watch, until it has ended.
    async fn tell_of(mut self, record: WatchRecord) {
        let id = record.watch.id;
        let mut stands = Some(record);
        loop {
            if let Some(record) = stands.take() {
                let watch = Box::new(watches::shape(&self.app, &record));
                let sent = self.send(&EventShape::Watch { watch }).await;
                if sent.is_err() || record.end.is_some() {
                    return;
                }
            }
            let Some(heard) = self.hear().await else {
                return;
            };
            match heard {
                Heard::Told(told) if of(&told) == Some(id) => {
                    if let Some(event) = EventShape::of(&told)
                        && self.send(&event).await.is_err()
                    {
                        return;
                    }
                    if is_end(&told) {
                        return;
                    }
                }
                Heard::Told(_) => {}
                Heard::Missed(missed) => {
                    if self.send(&EventShape::Lagged { missed }).await.is_err() {
                        return;
                    }
                    // The end may be among what was missed. A watch that can't be read breaks the
                    // stream off, so that its reader asks again.
                    match read(&self.app.engine, id).await {
                        Ok(Some(record)) => stands = Some(record),
                        Ok(None) | Err(_) => return,
                    }
                }
            }
        }
    }

    /// The next thing that happens, while there is a reader.
    async fn hear(&mut self) -> Option<Heard> {
        tokio::select! {
            () = self.reader.closed() => None,
            told = self.told.recv() => match told {
                Ok(told) => Some(match self.with_end(told).await {
                    Told::Missed => Heard::Missed(0),
                    told => Heard::Told(told),
                }),
                Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
                Err(RecvError::Closed) => None,
            },
        }
    }

    /// Reads how a watch has ended that another daemon polled, where this reader is to know.
    async fn with_end(&self, told: Told) -> Told {
        let Told::Elsewhere(id) = told else {
            return told;
        };
        if self.one.is_some_and(|one| one != id) {
            return told;
        }
        match read(&self.app.engine, id).await {
            Ok(Some(record)) => ended(record).unwrap_or(told),
            // Whoever reads it anew is told of it then.
            Ok(None) | Err(_) => Told::Missed,
        }
    }

    async fn send(&self, event: &EventShape) -> Result<(), Gone> {
        let sent = Event::default().event(event.name()).data(text(event));
        self.reader.send(sent).await.map_err(|_| Gone)
    }
}

fn of(told: &Told) -> Option<WatchId> {
    match told {
        Told::Watch { watch_id, .. } | Told::Delivery { watch_id, .. } => Some(*watch_id),
        Told::Elsewhere(watch_id) => Some(*watch_id),
        Told::Missed => None,
    }
}

/// The end of a watch, as whoever stored it told of it.
fn ended(record: WatchRecord) -> Option<Told> {
    let WatchRecord {
        watch,
        progress,
        end: Some(end),
        ..
    } = record
    else {
        return None;
    };
    let waited = end.at.duration_since(watch.accepted_at).unwrap_or_default();
    let report = WatchReport {
        job_id: watch.job_id.clone(),
        project_id: None,
        outcome: end.outcome,
        job: progress.job.as_deref().cloned(),
        polls: progress.polls,
        waited,
        fault: end.fault,
    };
    Some(Told::Watch {
        watch_id: watch.id,
        project: watch.project,
        event: WatchEvent {
            job_id: watch.job_id,
            waited,
            polls: progress.polls,
            kind: WatchEventKind::Ended(Box::new(report)),
        },
    })
}

fn is_end(told: &Told) -> bool {
    let Told::Watch { event, .. } = told else {
        return false;
    };
    matches!(
        event,
        WatchEvent {
            kind: WatchEventKind::Ended(_),
            ..
        }
    )
}

/// The events that are sent to a reader.
struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|event| event.map(Ok))
    }
}
