//! What the service manager is told, and how the daemon ends.

use dcs_wait::sim::Step;

use super::harness::House;

#[test]
fn the_service_manager_hears_of_every_change_in_its_order() {
    let house = House::without_hooks();
    let mut daemon = house.launch();
    let next = |daemon: &mut _| loop {
        let told = house.told(daemon);
        // Told in between, whenever it changes.
        if !told.starts_with("STATUS=") {
            return told;
        }
    };
    assert_eq!(next(&mut daemon), "READY=1\n");
    daemon.get("/v1/watches");
    daemon.signal("HUP");
    let reloading = next(&mut daemon);
    let since = reloading
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap();
    assert!(since.trim_end().parse::<u64>().unwrap() > 0);
    assert_eq!(next(&mut daemon), "READY=1\n");
    daemon.signal("TERM");
    assert!(next(&mut daemon).starts_with("STOPPING=1\n"));
    assert_eq!(daemon.ended().0, Some(0));
}

#[test]
fn the_status_says_how_the_daemon_is() {
    let house = House::without_hooks();
    house.job("job-1", [Step::running()]);
    let mut daemon = house.start();
    daemon.add("job-1");
    while !house
        .told(&mut daemon)
        .contains("STATUS=1 watch, 0 deliveries pending")
    {}
}

#[test]
fn a_watchdog_hears_from_a_daemon_that_lives() {
    let house = House::without_hooks();
    let mut daemon = house.launch_with(|command| {
        command.env("WATCHDOG_USEC", "300000");
    });
    house.until_ready(&mut daemon);
    for _ in 0..3 {
        while !house.told(&mut daemon).contains("WATCHDOG=1") {}
    }
}

#[test]
fn a_signal_during_the_start_ends_it() {
    let house = House::without_hooks();
    let daemon = house.launch();
    daemon.signal("TERM");
    // Before its handlers are in place, a signal kills it as any other program.
    let (code, log) = daemon.ended();
    assert!(matches!(code, Some(0) | None), "{code:?}: {log}");
}
