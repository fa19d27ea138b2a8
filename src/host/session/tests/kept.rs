//! What a run that ends leaves of the backups.

use super::*;

/// A service that was stopped for many runs may fail to come up one day.
#[tokio::test]
async fn copies_that_a_service_may_get_back_outlive_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let (mut session, _child) = local("sh", folder.path()).await;
    let state = folder.path().join("state");
    let backups = state.join("backups");
    for run in 10..40 {
        std::fs::create_dir_all(backups.join(format!("{run}/etc"))).unwrap();
        std::fs::write(backups.join(format!("{run}.wrote")), "").unwrap();
    }
    let note = format!("/etc/a\t{}/12/etc/a\n/etc/new\t-\n", backups.display());
    std::fs::create_dir_all(state.join("services")).unwrap();
    std::fs::write(state.join("services/x.service.previous"), note).unwrap();
    run(&mut session, &["true"]).await;
    session.finish(Some("{}")).await.unwrap();
    let left: std::collections::BTreeSet<u32> = std::fs::read_dir(&backups)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().unwrap().parse().ok())
        .collect();
    assert_eq!(left, std::iter::once(12).chain(20..40).collect());
    assert!(backups.join("12.wrote").exists());
}
