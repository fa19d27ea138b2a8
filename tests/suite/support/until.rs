//! Waiting for what takes its time.

/// Waits until `ready`; fails the test after two minutes. For everything that takes its time on a busy machine.
#[allow(dead_code)]
#[track_caller]
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !ready() {
        assert!(
            std::time::Instant::now() < end,
            "in two minutes, not once: {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
