use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const KEY: &str = "key";

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + secs(1_700_000_000)
}

fn fault() -> Fault {
    Fault {
        http_status: Some(401),
        ..Fault::local("verify aksk signature fail")
    }
}

fn book(reason: HoldReason, until: SystemTime) -> (HoldBook, UnboundedReceiver<HoldChange>) {
    let (sender, changes) = unbounded_channel();
    let hold = CredentialHold {
        key: KEY.to_owned(),
        reason,
        until,
    };
    (HoldBook::restore(vec![hold], now(), sender), changes)
}

fn refusal(status: u16, retry_after: Option<Duration>, limit: Option<RateLimit>) -> Content {
    Content::Refused(Refusal {
        status,
        fault: fault(),
        retry_after,
        limit,
    })
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_an_earlier_run_holds_for_what_is_left_of_it() {
    let (book, _changes) = book(HoldReason::Refused(fault()), now() + secs(200));
    let said = book.said_before(KEY).unwrap();
    assert_eq!((said.status, said.fault), (401, fault()));
    assert_eq!(book.refusal(KEY).unwrap().1, secs(200));
    assert!(book.said_before("another credential").is_none());
    tokio::time::advance(secs(200)).await;
    assert!(book.said_before(KEY).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumped_holds_nothing_for_longer_than_a_lock() {
    let (back, _changes) = book(HoldReason::Refused(fault()), now() + secs(36_000));
    assert_eq!(back.refusal(KEY).unwrap().1, LOCK);
    let (ahead, _changes) = book(HoldReason::Refused(fault()), now() - secs(1));
    assert!(ahead.said_before(KEY).is_none());
    let (back, _changes) = book(HoldReason::Throttled(None), now() + secs(36_000));
    assert_eq!(back.said_before(KEY).unwrap().retry_after, Some(MAX_PAUSE));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_an_earlier_run_is_said_once_and_outlives_its_pause() {
    let per = secs(60);
    let (book, _changes) = book(HoldReason::Throttled(Some((5, per))), now() - secs(100));
    let said = book.said_before(KEY).unwrap();
    assert_eq!((said.status, said.retry_after), (429, Some(Duration::ZERO)));
    assert_eq!(said.limit, Some(RateLimit { requests: 5, per }));
    assert!(book.said_before(KEY).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_a_service_says_is_stored_until_it_accepts_the_credential() {
    let (sender, mut changes) = unbounded_channel();
    let book = HoldBook::restore(vec![], now(), sender);
    book.observe(KEY, &refusal(404, None, None));
    assert!(changes.try_recv().is_err(), "nothing to forget");
    book.observe(KEY, &refusal(401, None, None));
    let Ok(HoldChange::Held(hold)) = changes.try_recv() else {
        panic!("not stored");
    };
    assert_eq!(
        (hold.key.as_str(), hold.reason),
        (KEY, HoldReason::Refused(fault()))
    );
    assert!(
        book.said_before(KEY).is_none(),
        "the breaker knows it in this run"
    );
    book.observe(KEY, &refusal(404, None, None));
    let key = KEY.to_owned();
    assert_eq!(changes.try_recv(), Ok(HoldChange::Accepted { key }));
    let limit = RateLimit {
        requests: 1,
        per: secs(60),
    };
    book.observe(KEY, &refusal(429, Some(secs(5)), Some(limit)));
    let Ok(HoldChange::Held(hold)) = changes.try_recv() else {
        panic!("not stored");
    };
    assert_eq!(hold.reason, HoldReason::Throttled(Some((1, secs(60)))));
    book.lift();
    let keys = vec![KEY.to_owned()];
    assert_eq!(changes.try_recv(), Ok(HoldChange::Lifted { keys }));
}
