use std::future::pending;

use super::*;
use tokio::time::{advance, timeout};

fn refusal() -> Fault {
    Fault::local("verify aksk signature fail")
}

async fn waits(breaker: &Breaker) -> bool {
    timeout(Duration::from_secs(1), breaker.admit())
        .await
        .is_err()
}

#[tokio::test(start_paused = true)]
async fn one_request_proves_a_credential_before_the_others_follow() {
    let breaker = Breaker::default();
    let probe = breaker.admit().await.unwrap();
    assert!(waits(&breaker).await);
    probe.accepted();
    let _first = breaker.admit().await.unwrap();
    let _second = breaker.admit().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_learns_nothing_hands_over_to_the_next() {
    let breaker = Breaker::default();
    let probe = breaker.admit().await.unwrap();
    let mut next = pin!(breaker.admit());
    assert!(timeout(Duration::from_secs(1), &mut next).await.is_err());
    drop(probe);
    assert!(next.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_many_that_are_refused_at_once_one_tries_again() {
    let breaker = Breaker::default();
    breaker.admit().await.unwrap().accepted();
    let mut passes = Vec::new();
    for _ in 0..5 {
        passes.push(breaker.admit().await.unwrap());
    }
    let retrying = passes.iter_mut().map(Pass::refused).filter(|first| *first);
    assert_eq!(retrying.count(), 1);
    assert!(waits(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_was_overtaken_by_a_proof_says_nothing() {
    let breaker = Breaker::default();
    breaker.admit().await.unwrap().accepted();
    let mut renewing = breaker.admit().await.unwrap();
    let mut overtaken = breaker.admit().await.unwrap();
    assert!(renewing.refused());
    renewing.accepted();
    assert!(!overtaken.refused());
    assert!(!waits(&breaker).await);
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_not_sent_again_while_a_lock_lasts() {
    let breaker = Breaker::default();
    let mut probe = breaker.admit().await.unwrap();
    assert!(probe.refused());
    probe.give_up(refusal(), None);
    assert_eq!(breaker.admit().await.unwrap_err().fault, refusal());
    advance(LOCK).await;
    let _probe = breaker.admit().await.unwrap();
    assert!(waits(&breaker).await, "one probe, not one a watch");
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_woken_in_their_order_and_one_at_a_time() {
    let breaker = Breaker::default();
    let probe = breaker.admit().await.unwrap();
    let mut queue: Vec<_> = (0..4).map(|_| Box::pin(breaker.admit())).collect();
    for waiting in &mut queue {
        assert!(timeout(Duration::ZERO, waiting).await.is_err());
    }
    drop(probe);
    let mut first = queue.remove(0);
    let probe = timeout(Duration::ZERO, &mut first).await.unwrap().unwrap();
    for waiting in &mut queue {
        assert!(timeout(Duration::ZERO, waiting).await.is_err());
    }
    probe.accepted();
    for waiting in queue {
        assert!(!waiting.await.unwrap().is_probing());
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_leaves_the_queue_passes_its_turn_on() {
    let breaker = Breaker::default();
    let probe = breaker.admit().await.unwrap();
    let mut gone = Box::pin(breaker.admit());
    let mut next = Box::pin(breaker.admit());
    assert!(timeout(Duration::ZERO, &mut gone).await.is_err());
    assert!(timeout(Duration::ZERO, &mut next).await.is_err());
    drop(probe);
    drop(gone);
    assert!(timeout(Duration::ZERO, next).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_was_changed_is_tried_at_once() {
    let breaker = Breaker::default();
    breaker.admit().await.unwrap().give_up(refusal(), None);
    let end = Instant::now() + LOCK;
    assert_eq!(breaker.admit().await.unwrap_err().until, end);
    let mut waiting = pin!(breaker.change(end));
    assert!(timeout(secs(1), &mut waiting).await.is_err());
    breaker.retry();
    assert!(timeout(Duration::ZERO, waiting).await.is_ok());
    let probe = breaker.admit().await.unwrap();
    assert_eq!(breaker.refusal(), Some(refusal()), "not taken yet");
    probe.accepted();
    assert_eq!(breaker.refusal(), None);
}

#[tokio::test(start_paused = true)]
async fn leave_from_before_a_refusal_is_none_any_more() {
    let breaker = Breaker::default();
    breaker.admit().await.unwrap().accepted();
    let mut renewing = breaker.admit().await.unwrap();
    let mut waiting = breaker.admit().await.unwrap();
    assert!(waiting.is_still_good());
    assert!(renewing.refused());
    assert!(!waiting.is_still_good());
    assert!(renewing.is_still_good(), "it is the one to find out");
    renewing.accepted();
    assert!(waiting.is_still_good());
}

/// Three who wait, in their order, and the probe that they wait for, which has become slow.
macro_rules! slow_probe {
    ($breaker:ident, $probe:ident, $waiting:ident) => {
        let $probe = $breaker.admit().await.unwrap();
        let mut $waiting: Vec<_> = (0..4).map(|_| Box::pin($breaker.admit())).collect();
        for one in &mut $waiting {
            assert!(timeout(Duration::ZERO, one).await.is_err());
        }
        let hangs = timeout(SLOW_PROBE + secs(1), $probe.sending(pending::<()>()));
        assert!(hangs.await.is_err());
    };
}

#[tokio::test(start_paused = true)]
async fn beside_a_slow_probe_one_other_tries_and_proves_the_credential_for_all() {
    let breaker = Breaker::default();
    slow_probe!(breaker, slow, waiting);
    let mut newest = waiting.pop().unwrap();
    let second = timeout(Duration::ZERO, &mut newest).await.unwrap().unwrap();
    assert!(second.is_probing());
    for one in &mut waiting {
        assert!(timeout(Duration::ZERO, one).await.is_err(), "two at most");
    }
    let hangs = timeout(SLOW_PROBE + secs(1), second.sending(pending::<()>()));
    assert!(hangs.await.is_err());
    for one in &mut waiting {
        assert!(timeout(Duration::ZERO, one).await.is_err(), "two at most");
    }
    second.accepted();
    for one in waiting {
        assert!(!one.await.unwrap().is_probing());
    }
    drop(slow);
    assert!(!breaker.admit().await.unwrap().is_probing());
}

#[tokio::test(start_paused = true)]
async fn after_slow_probes_those_who_wait_follow_from_both_ends_of_the_queue() {
    let breaker = Breaker::default();
    slow_probe!(breaker, slow, waiting);
    let mut newest = waiting.pop().unwrap();
    let _second = timeout(Duration::ZERO, &mut newest).await.unwrap().unwrap();
    drop(slow);
    let mut oldest = waiting.remove(0);
    let third = timeout(Duration::ZERO, &mut oldest).await.unwrap().unwrap();
    drop(third);
    let mut newest = waiting.pop().unwrap();
    assert!(timeout(Duration::ZERO, &mut newest).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_request_failed_is_no_probe_while_another_watch_waits() {
    let breaker = Breaker::default();
    slow_probe!(breaker, slow, waiting);
    let mut newest = waiting.pop().unwrap();
    let second = timeout(Duration::ZERO, &mut newest).await.unwrap().unwrap();
    let mut failed = Box::pin(breaker.admit_as(true));
    assert!(timeout(Duration::ZERO, &mut failed).await.is_err());
    let mut probes = vec![slow, second];
    for place in [0, 1, 0] {
        drop(probes.remove(0));
        assert!(timeout(Duration::ZERO, &mut failed).await.is_err());
        let mut next = waiting.remove(place);
        probes.push(timeout(Duration::ZERO, &mut next).await.unwrap().unwrap());
    }
    drop(probes.remove(0));
    assert!(timeout(Duration::ZERO, &mut failed).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_gives_up_waiting_passes_its_turn_to_one_whose_request_failed() {
    let breaker = Breaker::default();
    let probe = breaker.admit().await.unwrap();
    let mut gone = Box::pin(breaker.admit());
    let mut failed = Box::pin(breaker.admit_as(true));
    assert!(timeout(Duration::ZERO, &mut gone).await.is_err());
    assert!(timeout(Duration::ZERO, &mut failed).await.is_err());
    drop(probe);
    drop(gone);
    assert!(timeout(Duration::ZERO, &mut failed).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn of_two_refused_probes_one_is_retried_and_no_other_watch_is_admitted() {
    let breaker = Breaker::default();
    slow_probe!(breaker, slow, waiting);
    let mut newest = waiting.pop().unwrap();
    let mut second = timeout(Duration::ZERO, &mut newest).await.unwrap().unwrap();
    let mut slow = slow;
    assert!(second.refused());
    assert!(!slow.is_still_good());
    assert!(!slow.refused());
    drop(slow);
    for one in &mut waiting {
        assert!(timeout(Duration::ZERO, one).await.is_err());
    }
    second.give_up(refusal(), None);
    assert!(breaker.admit().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_overtaken_by_a_proof_changes_nothing() {
    for end in ["accepted", "given up", "dropped"] {
        let breaker = Breaker::default();
        slow_probe!(breaker, slow, waiting);
        let mut newest = waiting.pop().unwrap();
        timeout(Duration::ZERO, &mut newest)
            .await
            .unwrap()
            .unwrap()
            .accepted();
        let mut slow = slow;
        assert!(!slow.refused());
        match end {
            "accepted" => slow.accepted(),
            "given up" => slow.give_up(refusal(), None),
            _ => drop(slow),
        }
        assert!(!breaker.admit().await.unwrap().is_probing());
    }
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
#[tokio::test(start_paused = true)]
async fn a_program_that_asks_for_retries_in_a_loop_gets_fewer_than_what_locks_a_key() {
    let breaker = Breaker::default();
    breaker.admit().await.unwrap().give_up(refusal(), None);
    let mut refused = 1;
    for _ in 0..290 {
        advance(secs(1)).await;
        breaker.retry_sparingly();
        if let Ok(pass) = breaker.admit().await {
            refused += 1;
            assert_eq!(breaker.hold(), None);
            pass.give_up(refusal(), None);
        }
        assert_eq!(breaker.hold().unwrap().fault, refusal());
    }
    assert_eq!(refused, 3, "one, and one in each half of the lock");
}
