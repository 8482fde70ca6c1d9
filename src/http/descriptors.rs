//! How many file descriptors connections may take, so that some are left for everything else: the store,
//! hooks, credentials and files.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use super::pool::Idle;

/// The descriptors that a daemon needs without any connection: runtimes, signals, the log, listeners and
/// the store.
const BASELINE: u64 = 32;

/// How often a connection is tried that there is no descriptor for.
pub(super) const TRIES: u32 = 20;
/// How long is waited between two tries for a descriptor where no idle connection could be closed.
pub const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How many connections requests to the service may have at once in this process: a quarter of the
/// descriptors that the baseline leaves, at least one. The limit of open files is read once.
pub fn client_connections() -> usize {
    static CONNECTIONS: LazyLock<usize> = LazyLock::new(|| share(open_files(), 4));
    *CONNECTIONS
}

/// How many connections a server in this process may accept: half of the descriptors that the baseline
/// leaves, at least one.
#[must_use]
pub fn server_connections() -> usize {
    share(open_files(), 2)
}

fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

fn share(open_files: Option<u64>, divisor: u64) -> usize {
    let free = open_files.unwrap_or(u64::MAX).saturating_sub(BASELINE);
    usize::try_from(free / divisor)
        .unwrap_or(usize::MAX)
        .clamp(1, Semaphore::MAX_PERMITS)
}

/// Bounds the connections of several pools together, idle ones included.
pub(super) struct ConnectionBudget {
    free: Arc<Semaphore>,
    /// How many requests wait for a permit.
    waiting: AtomicUsize,
    pools: Mutex<Vec<Weak<Mutex<Idle>>>>,
}

impl ConnectionBudget {
    pub(super) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(connections)),
            waiting: AtomicUsize::new(0),
            pools: Mutex::default(),
        })
    }

    /// The budget of this process, whose pools share its descriptors.
    pub(super) fn of_process() -> Arc<Self> {
        static BUDGET: LazyLock<Arc<ConnectionBudget>> =
            LazyLock::new(|| ConnectionBudget::new(client_connections()));
        Arc::clone(&BUDGET)
    }

    /// Adds a pool, whose idle connections are closed where others need them.
    pub(super) fn add(&self, pool: &Arc<Mutex<Idle>>) {
        let mut pools = self.pools();
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// A permit for one more connection, where there is one now.
    pub(super) fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Waits for a permit for one more connection, in the order of asking. Closes an idle one for it.
    pub(super) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        if let Some(permit) = self.try_acquire() {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.waiting);
        self.close_idle(1);
        // It is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Whether requests wait for permits, so that no connection is to be kept idle. To be asked under the
    /// lock of a pool: a request counts as waiting before it looks for idle connections there.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Closes up to `most` idle connections. Returns how many.
    fn close_idle(&self, most: usize) -> usize {
        let pools: Vec<_> = self.pools().iter().filter_map(Weak::upgrade).collect();
        let mut closed = 0_usize;
        for pool in pools {
            let mut idle = pool.lock().unwrap_or_else(PoisonError::into_inner);
            closed = closed.saturating_add(idle.close_oldest(most.saturating_sub(closed)));
        }
        closed
    }

    fn pools(&self) -> MutexGuard<'_, Vec<Weak<Mutex<Idle>>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as waiting until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until another descriptor may be had: closes the idle connections of this process, or gives others
/// a moment to close theirs.
pub async fn free_descriptors() {
    if ConnectionBudget::of_process().close_idle(usize::MAX) == 0 {
        sleep(RETRY_INTERVAL).await;
    }
}

/// Does what needs a descriptor. Tries again while there is none, for about two seconds.
///
/// # Errors
/// With the last error of `open`.
pub async fn with_descriptor<T, E, F>(open: impl Fn() -> F) -> Result<T, E>
where
    E: Error + 'static,
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..TRIES {
        match open().await {
            Err(error) if is_out_of_descriptors(&error) => free_descriptors().await,
            done => return done,
        }
    }
    open().await
}

/// Whether there was no descriptor, in this process or in the whole system.
pub fn is_out_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(errno) = cause
            .downcast_ref::<io::Error>()
            .and_then(Errno::from_io_error)
        {
            return matches!(errno, Errno::MFILE | Errno::NFILE);
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_a_quarter_and_the_control_api_half_of_what_the_baseline_leaves() {
        for (open_files, client, server) in [
            (Some(0), 1, 1),
            (Some(32), 1, 1),
            (Some(40), 2, 4),
            (Some(1024), 248, 496),
            (
                Some(u64::MAX),
                Semaphore::MAX_PERMITS,
                Semaphore::MAX_PERMITS,
            ),
            (None, Semaphore::MAX_PERMITS, Semaphore::MAX_PERMITS),
        ] {
            let shares = (share(open_files, 4), share(open_files, 2));
            assert_eq!(shares, (client, server), "{open_files:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_a_descriptor_is_tried_until_there_is_one_and_other_errors_end_it() {
        let tries = AtomicUsize::new(0);
        let fails_first =
            async |times: usize, errno: Errno| match tries.fetch_add(1, Ordering::SeqCst) < times {
                true => Err(io::Error::from(errno)),
                false => Ok(()),
            };
        for (times, errno, expected_tries, succeeds) in [
            (3, Errno::MFILE, 4, true),
            (1, Errno::NFILE, 2, true),
            (usize::MAX, Errno::MFILE, TRIES as usize, false),
            (1, Errno::CONNREFUSED, 1, false),
        ] {
            tries.store(0, Ordering::SeqCst);
            let done = with_descriptor(|| fails_first(times, errno));
            assert_eq!(done.await.is_ok(), succeeds, "{errno:?}");
            assert_eq!(tries.load(Ordering::SeqCst), expected_tries, "{errno:?}");
        }
    }
}
