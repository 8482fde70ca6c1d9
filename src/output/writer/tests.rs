use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::*;

/// A reader that takes an entry whenever the test lets it.
struct Reader {
    permits: Receiver<Delivery>,
    taken: Sender<String>,
    began: SyncSender<()>,
}

impl Destination for Reader {
    fn write(&mut self, _kind: Kind, bytes: &[u8], progress: &dyn Fn()) -> Delivery {
        self.began.send(()).unwrap();
        let Ok(delivery) = self.permits.recv() else {
            return Delivery::Closed;
        };
        progress();
        self.taken
            .send(String::from_utf8(bytes.to_vec()).unwrap())
            .unwrap();
        delivery
    }

    fn report(&self, dropped: u64) -> Vec<u8> {
        format!("{dropped} dropped").into()
    }
}

struct Harness {
    writer: Writer,
    permits: Sender<Delivery>,
    taken: Receiver<String>,
    began: Receiver<()>,
}

fn harness() -> Harness {
    let (permits, permitted) = channel();
    let (taking, taken) = channel();
    let (beginning, began) = sync_channel(100_000);
    let reader = Reader {
        permits: permitted,
        taken: taking,
        began: beginning,
    };
    Harness {
        writer: Writer::start("test", reader),
        permits,
        taken,
        began,
    }
}

impl Harness {
    fn let_it_take(&self, entries: usize) -> Vec<String> {
        let take = |_| {
            self.permits.send(Delivery::Written).unwrap();
            self.taken.recv().unwrap()
        };
        (0..entries).map(take).collect()
    }
}

#[test]
fn a_stalled_reader_blocks_no_writer_and_learns_later_how_much_it_missed() {
    let harness = harness();
    harness.writer.log("first");
    harness.began.recv().unwrap();
    for number in 0..10_002 {
        harness.writer.log(format!("line {number}"));
    }
    assert!(harness.writer.is_behind());
    assert_eq!(harness.writer.lines_dropped(), 2);
    assert_eq!(
        harness.let_it_take(4),
        ["first", "2 dropped", "line 2", "line 3"]
    );
}

#[tokio::test]
async fn results_are_written_once_the_reader_took_them_all() {
    let harness = harness();
    harness.writer.result("one");
    harness.writer.result("two");
    let mut written = Box::pin(harness.writer.results_written());
    harness.let_it_take(1);
    tokio::select! {
        biased;
        () = &mut written => panic!("one still waits"),
        () = tokio::task::yield_now() => {}
    }
    harness.let_it_take(1);
    written.await;
}

#[tokio::test]
async fn a_producer_of_results_waits_for_capacity() {
    let harness = harness();
    while tokio::select! {
        biased;
        () = harness.writer.wait_for_capacity() => true,
        () = tokio::task::yield_now() => false,
    } {
        harness.writer.result("x");
    }
    harness.let_it_take(2);
    harness.writer.wait_for_capacity().await;
}

#[tokio::test]
async fn flushing_gives_up_on_a_reader_that_takes_nothing() {
    let harness = harness();
    harness.writer.log("one");
    let (idle, most) = (Duration::from_millis(10), Duration::from_secs(3600));
    assert!(!harness.writer.flush(idle, most).await);
    harness.let_it_take(1);
    assert!(harness.writer.flush(most, most).await);
}

#[tokio::test]
async fn once_the_reader_of_results_is_gone_no_producer_waits() {
    let harness = harness();
    for _ in 0..5000 {
        harness.writer.result("x");
    }
    harness.permits.send(Delivery::Closed).unwrap();
    harness.writer.results_written().await;
    harness.writer.wait_for_capacity().await;
    assert!(harness.writer.are_results_closed());
}

#[tokio::test]
async fn what_is_lost_is_reported_with_the_next_line_that_arrives() {
    let harness = harness();
    harness.permits.send(Delivery::Lost).unwrap();
    harness.writer.log("one\n");
    assert_eq!(harness.taken.recv().unwrap(), "one\n");
    let hour = Duration::from_secs(3600);
    harness.permits.send(Delivery::Lost).unwrap();
    harness.permits.send(Delivery::Written).unwrap();
    assert!(harness.writer.flush(hour, hour).await);
    harness.writer.log("two\n");
    assert_eq!(harness.taken.recv().unwrap(), "1 dropped");
    assert_eq!(harness.taken.recv().unwrap(), "two\n");
    harness.writer.log("three\n");
    assert_eq!(harness.let_it_take(1), ["1 dropped"], "its report was lost");
}
