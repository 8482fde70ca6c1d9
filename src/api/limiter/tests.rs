use super::*;

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn reserve(limiter: &Limiter, now: Instant) -> Turn {
    limiter.reserve(now, None).unwrap()
}

#[tokio::test(start_paused = true)]
async fn turns_are_spaced_evenly_in_the_order_of_asking() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    for n in 0..5 {
        assert_eq!(reserve(&limiter, start).at, start + millis(100 * n));
    }
    let late = start + millis(900);
    assert_eq!(reserve(&limiter, late).at, late);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_service_names_slows_everybody_down() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let per = Duration::from_secs(300);
    let limit = RateLimit { requests: 200, per };
    let paused = limiter.pause(start, millis(100), Some(limit));
    assert_eq!(paused, millis(1500), "the request before counts as well");
    assert_eq!(reserve(&limiter, start).at, start + millis(1500));
    assert_eq!(reserve(&limiter, start).at, start + millis(3000));
}

#[tokio::test(start_paused = true)]
async fn those_who_leave_the_line_make_it_shorter_and_those_who_had_their_turn_dont() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let mut line: Vec<Place<'_>> = (0..100)
        .map(|n| {
            let (at, place) = limiter.line_up(start);
            assert_eq!(at, start + millis(100) * n);
            place
        })
        .collect();
    drop(line.split_off(10));
    line.into_iter().for_each(Place::taken);
    assert_eq!(limiter.line_up(start).0, start + millis(1000));
    let later = start + millis(5000);
    assert_eq!(limiter.line_up(later).0, later);
}

#[tokio::test(start_paused = true)]
async fn a_limit_wider_than_the_users_changes_nothing() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let limit = RateLimit {
        requests: 1000,
        per: Duration::from_secs(1),
    };
    assert_eq!(limiter.pause(start, millis(1), Some(limit)), millis(100));
    assert_eq!(reserve(&limiter, start).at, start + millis(100));
    assert_eq!(reserve(&limiter, start).at, start + millis(200));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_during_a_pause_and_turns_go_on_spaced_after_it() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    reserve(&limiter, start);
    assert_eq!(limiter.pause(start, millis(5000), None), millis(5000));
    assert_eq!(reserve(&limiter, start).at, start + millis(5000));
    let paused = limiter.pause(start + millis(10), millis(1000), None);
    assert_eq!(paused, millis(4990), "the longer one counts");
    assert_eq!(reserve(&limiter, start).at, start + millis(5000));
    assert_eq!(reserve(&limiter, start).at, start + millis(5100));
}

#[tokio::test(start_paused = true)]
async fn a_pause_voids_the_turns_that_come_after_it_too() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let turns = [(); 5].map(|()| reserve(&limiter, start));
    limiter.pause(start, millis(200), None);
    assert!(turns.iter().all(|turn| !limiter.is_good(*turn, turn.at)));
    let turn = reserve(&limiter, start);
    assert!(limiter.is_good(turn, turn.at));
}

#[tokio::test(start_paused = true)]
async fn turns_that_are_overdue_together_are_not_used_together() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let turns = [(); 20].map(|()| reserve(&limiter, start));
    // The machine was halted, and goes on long after all of them.
    let late = start + millis(60_000);
    let again = turns.map(|turn| {
        assert!(!limiter.is_good(turn, late));
        reserve(&limiter, late)
    });
    for (n, turn) in again.iter().enumerate() {
        assert_eq!(turn.at, late + millis(100) * u32::try_from(n).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_may_be_used_a_little_late_however_short_the_spacing() {
    let start = Instant::now();
    let turn = reserve(&Limiter::new(10_000.0), start);
    let limiter = Limiter::new(10_000.0);
    assert!(limiter.is_good(turn, start + millis(20)));
    assert!(!limiter.is_good(turn, start + millis(60)));
}

#[tokio::test(start_paused = true)]
async fn turns_that_are_taken_back_leave_their_place_but_for_a_pause() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    let turns = [(); 20].map(|()| reserve(&limiter, start));
    limiter.recall(start);
    assert!(turns.iter().all(|turn| !limiter.is_good(*turn, turn.at)));
    assert_eq!(reserve(&limiter, start).at, start + millis(100));
    assert_eq!(limiter.paused(start), None);
    limiter.pause(start, millis(5000), None);
    limiter.recall(start);
    assert_eq!(reserve(&limiter, start).at, start + millis(5000));
    assert_eq!(limiter.paused(start + millis(1000)), Some(millis(4000)));
    assert_eq!(limiter.paused(start + millis(5000)), None);
}

#[tokio::test(start_paused = true)]
async fn those_who_share_a_limit_keep_to_it_together() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    reserve(&limiter, start);
    limiter.share_among(start, 3);
    assert_eq!(reserve(&limiter, start).at, start + millis(300));
    let limit = RateLimit {
        requests: 5,
        per: Duration::from_secs(1),
    };
    limiter.pause(start + millis(300), millis(1), Some(limit));
    assert_eq!(
        limiter.spacing(),
        millis(600),
        "the service counts them together"
    );
    limiter.share_among(start + millis(300), 1);
    assert_eq!(limiter.spacing(), millis(200));
}

#[tokio::test(start_paused = true)]
async fn the_line_is_as_long_in_turns_when_the_limit_is_shared_otherwise() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    limiter.share_among(start, 3);
    let line: Vec<Place<'_>> = (0..10).map(|_| limiter.line_up(start).1).collect();
    limiter.share_among(start, 2);
    let (last, place) = limiter.line_up(start);
    assert_eq!(last, start + millis(2000));
    drop((line, place));
    assert_eq!(limiter.line_up(start).0, start);
}

fn limit(requests: u32, seconds: u64) -> RateLimit {
    let per = Duration::from_secs(seconds);
    RateLimit { requests, per }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_service_named_is_forgotten_an_hour_after_its_pause() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    limiter.pause(start, millis(1), Some(limit(1, 600)));
    let after_pause = start + Duration::from_secs(600);
    let kept = after_pause + LEARNED_LIMIT_TTL - millis(1);
    assert_eq!(limiter.learned(kept), Some((limit(1, 600), millis(1))));
    assert_eq!(limiter.learned(kept + millis(1)), None);
    let later = kept + millis(1);
    assert_eq!(reserve(&limiter, later).at, later);
    assert_eq!(reserve(&limiter, later).at, later + millis(100));
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_lifted_wakes_those_who_wait_and_the_users_limit_holds_again() {
    let limiter = Limiter::new(10.0);
    assert!(!limiter.lift(Instant::now()), "nothing to lift");
    limiter.pause(Instant::now(), millis(1), Some(limit(1, 3600)));
    let turn = reserve(&limiter, Instant::now());
    let line: Vec<Place<'_>> = (0..100)
        .map(|_| limiter.line_up(Instant::now()).1)
        .collect();
    let mut waiting = pin!(limiter.wait_for(turn));
    let soon = Instant::now() + millis(5);
    assert!(timeout_at(soon, waiting.as_mut()).await.is_err());
    let now = Instant::now();
    assert!(limiter.lift(now));
    waiting.await;
    assert_eq!(Instant::now(), now);
    assert!(!limiter.is_good(turn, now));
    assert_eq!(reserve(&limiter, now).at, now + millis(100));
    assert_eq!(limiter.hold(now + millis(200)), None);
    line.into_iter().for_each(Place::taken);
    assert_eq!(limiter.line_up(now).0, now);
}

#[tokio::test(start_paused = true)]
async fn what_holds_requests_back_is_the_pause_and_then_the_spacing() {
    let start = Instant::now();
    let limiter = Limiter::new(10.0);
    assert_eq!(limiter.hold(start), None);
    reserve(&limiter, start);
    reserve(&limiter, start);
    assert_eq!(limiter.hold(start), None, "that is the user's own limit");
    limiter.pause(start, millis(9000), Some(limit(1, 5)));
    let hold = |until| {
        Some(RateHold {
            limit: Some(limit(1, 5)),
            until,
        })
    };
    let over = start + millis(9000);
    assert_eq!(limiter.hold(start), hold(over));
    assert_eq!(limiter.hold(over), None);
    reserve(&limiter, over);
    assert_eq!(limiter.hold(over), hold(over + millis(5000)));
}

#[tokio::test(start_paused = true)]
async fn forty_thousand_watches_under_the_widest_limits_overflow_nothing() {
    let start = Instant::now();
    for requests_per_second in [10.0, 1e-9, 1e-19, f64::MIN_POSITIVE] {
        let limiter = Limiter::new(requests_per_second);
        let line: Vec<Place<'_>> = (0..20_000).map(|_| limiter.line_up(start).1).collect();
        limiter.pause(start, Duration::MAX, Some(limit(1, u64::MAX)));
        limiter.share_among(start, u32::MAX);
        for _ in 0..20_000 {
            limiter.line_up(start).1.taken();
            limiter.reserve(start, None);
        }
        limiter.recall(start);
        drop(line);
        limiter.lift(start);
        assert_eq!(limiter.hold(start), None);
    }
}
