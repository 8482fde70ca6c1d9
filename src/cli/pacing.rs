//! How requests follow each other, as the options have it.

use super::args::{ScheduleArg, WaitArgs};
use super::error::CliError;
use crate::poll::{Backoff, BackoffSpec, DelayPerRequest, ScheduleSpec};

/// The schedule while a job goes on, and the backoff after failures.
pub(super) struct Pacing {
    pub(super) schedule: ScheduleSpec,
    pub(super) backoff: Backoff,
}

impl Pacing {
    pub(super) fn of(args: &WaitArgs) -> Result<Self, CliError> {
        let usual = BackoffSpec::default();
        let backoff = Backoff::try_from(BackoffSpec {
            initial_interval: args.initial_interval.unwrap_or(usual.initial_interval),
            max_interval: args.max_interval.unwrap_or(usual.max_interval),
            multiplier: args.multiplier.unwrap_or(usual.multiplier),
            jitter: args.jitter.unwrap_or(usual.jitter),
        })
        .map_err(|why| CliError::usage(format!("--{} {why}", why.name().replace('_', "-"))))?;
        Ok(Self {
            schedule: schedule(args)?,
            backoff,
        })
    }
}

fn schedule(args: &WaitArgs) -> Result<ScheduleSpec, CliError> {
    let delay = args
        .delay_per_request
        .map(DelayPerRequest::try_from)
        .transpose()
        .map_err(|why| CliError::usage(format!("--delay-per-request {why}")))?;
    match (args.schedule, delay, args.exponential_option()) {
        (Some(ScheduleArg::Exponential), Some(_), _) => Err(CliError::usage(
            "--delay-per-request is for the learned schedule, and --schedule asks for the exponential \
             one; leave one of them out",
        )),
        (None, Some(_), Some(other)) => Err(CliError::usage(format!(
            "--delay-per-request is for the learned schedule, and {other} by itself asks for the \
             exponential one; give --schedule learned as well, or leave one of them out"
        ))),
        // Scripts keep what they asked for before there was another schedule.
        (Some(ScheduleArg::Exponential), ..) | (None, None, Some(_)) => {
            Ok(ScheduleSpec::Exponential)
        }
        (_, delay, _) => Ok(ScheduleSpec::Learned(delay.unwrap_or_default())),
    }
}
