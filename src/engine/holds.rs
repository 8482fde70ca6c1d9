//! What the services have said that holds requests back, and how that is lifted.

use std::sync::Arc;

use tokio::time::Instant;

use super::active::Active;
use super::shared::Shared;
use crate::api::{Gate, RateHold, Refused};
use crate::model::ProjectName;

/// What holds the requests of a project back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// The service refuses the credential.
    Refused(Refused),
    /// The service asks for fewer requests.
    Rate(RateHold),
}

impl Hold {
    /// What holds back all requests of this gate.
    pub(super) fn of(gate: &Gate) -> Option<Self> {
        let rate = || gate.limiter.hold(Instant::now()).map(Self::Rate);
        gate.breaker.hold().map(Self::Refused).or_else(rate)
    }

    /// Until when it does.
    #[must_use]
    pub fn until(&self) -> Instant {
        match self {
            Self::Refused(refused) => refused.until,
            Self::Rate(rate) => rate.until,
        }
    }
}

impl Shared {
    /// What holds the requests of a project back, if anything does.
    pub(super) fn hold(&self, project: &ProjectName) -> Option<Hold> {
        Hold::of(&self.setup().projects.get(project)?.session.gate)
    }

    /// Lifts what holds requests back, for all projects: refused credentials are tried again, pauses are
    /// over, and limits that services named are forgotten.
    pub(super) fn lift_holds(&self) {
        let setup = self.setup();
        let mut lifted = Vec::new();
        for project in setup.projects.values() {
            let gate = &project.session.gate;
            project.session.source.lift_hold();
            gate.breaker.retry();
            if gate.limiter.lift(Instant::now()) {
                lifted.push(Arc::clone(gate));
            }
        }
        self.wake_behind(&lifted);
    }

    /// Asks for the watch's job now, and lifts what holds its requests back. False where it polls no
    /// more.
    pub(super) fn poll_now(&self, active: &Active) -> bool {
        let setup = self.setup();
        let project = setup.projects.get(&active.terms.project);
        let session = project.map(|project| &project.session);
        let lifted = session.filter(|session| {
            if session.gate.breaker.retry_sparingly() {
                session.source.lift_hold();
            }
            session.gate.limiter.lift(Instant::now())
        });
        // Before the others, which are asked for after it.
        let polls = active.poll_now();
        if let Some(session) = lifted {
            self.wake_behind(std::slice::from_ref(&session.gate));
        }
        polls
    }

    /// Wakes the watches of these gates: they sleep for the duration of the lifted hold.
    fn wake_behind(&self, gates: &[Arc<Gate>]) {
        if gates.is_empty() {
            return;
        }
        let setup = self.setup();
        let is_behind = |active: &Active| {
            let project = setup.projects.get(&active.terms.project);
            project.is_some_and(|project| {
                let its = &project.session.gate;
                gates.iter().any(|gate| Arc::ptr_eq(gate, its))
            })
        };
        for active in self.active() {
            if is_behind(&active) {
                active.poll_now();
            }
        }
    }
}
