//! History: runs of like answers.

use dcs_wait::model::Answers;

use super::harness::{House, START, job, pass, refused, secs};

fn lines(answers: &[Answers]) -> Vec<(&str, u32)> {
    let line = |one: &'_ Answers| (one.count, one.first_at <= one.last_at);
    assert!(answers.iter().map(line).all(|(_, in_order)| in_order));
    answers
        .iter()
        .map(|one| (&*one.answer, one.count))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn like_answers_are_one_line() {
    let house = House::new();
    let answers = [
        refused(404, ""),
        job("INIT"),
        job("RUNNING"),
        job("RUNNING"),
        refused(503, "DCS.4842"),
        job("RUNNING"),
        job("SUCCESS"),
    ];
    house.jobs.answer("j1", answers);
    let id = house.accept_id("j1").await;
    pass(secs(60)).await;
    let (_, history) = house.engine.store().watch(id).await.unwrap().unwrap();
    let expected = [
        ("not visible yet", 1),
        ("INIT", 1),
        ("RUNNING", 2),
        ("as the service puts it (HTTP 503, DCS.4842)", 1),
        ("RUNNING", 1),
        ("SUCCESS", 1),
    ];
    assert_eq!(lines(&history), expected);
    assert_eq!(history[0].first_at, START);
}

#[tokio::test(start_paused = true)]
async fn the_line_that_goes_on_is_known_and_kept_with_the_next_one() {
    let house = House::new();
    let answers = [job("INIT"), job("INIT"), job("INIT"), job("RUNNING")];
    house.jobs.answer("j1", answers);
    let id = house.accept_id("j1").await;
    pass(secs(4)).await;
    let open = house.engine.open_answers(id).unwrap();
    assert_eq!(lines(&[open]), [("INIT", 3)]);
    let (_, history) = house.engine.store().watch(id).await.unwrap().unwrap();
    assert!(history.is_empty());
    pass(secs(6)).await;
    let (_, history) = house.engine.store().watch(id).await.unwrap().unwrap();
    assert_eq!(lines(&history), [("INIT", 3)]);
}

#[tokio::test(start_paused = true)]
async fn every_request_is_in_the_history_of_a_watch_that_timed_out() {
    let house = House::new();
    let id = house.accept_id("j1").await;
    pass(secs(4000)).await;
    let (record, history) = house.engine.store().watch(id).await.unwrap().unwrap();
    assert_eq!(lines(&history), [("RUNNING", record.progress.polls)]);
}
