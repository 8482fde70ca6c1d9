//! A simulated DCS job API on a real socket, for the demo and the tests.
//!
//! It answers `GET /v2/{project_id}/jobs/{job_id}` and `GET /v3/projects?name={region}` as the
//! service and the gateway before it do, and misbehaves as a script says. It judges signatures by
//! its own code, from the request as it came over the wire.

mod guard;
mod options;
mod playground;
mod reply;
pub mod script;
mod server;
mod service;
mod signature;
mod stage;
mod throttle;
mod tls;

pub use options::{ACCESS_KEY, ClockOffset, PROJECT_ID, REGION, SECRET_KEY, SimOptions, TlsFiles};
pub use playground::{PLAYGROUND, PlaygroundJob};
pub use script::{Act, ErrorAnswer, ErrorShape, Fault, Lasts, ScriptedId, ScriptedJob, Step};
pub use server::{SimError, Simulator};
pub use service::SeenRequest;
pub use throttle::RateLimit;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what stays consistent even where a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
