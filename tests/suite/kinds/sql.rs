//! Databases, on the real servers and clients, one host for all.

mod mariadb;
mod postgresql;
mod sqlite;

use crate::support::boot;
use crate::support::direct::Direct;

#[test]
fn databases_users_grants_and_rows() {
    let host = boot("kinds-sql");
    let mut direct = Direct::to(&host);
    mariadb::databases_users_grants_and_rows(&host, &mut direct);
    postgresql::databases_users_grants_and_rows(&host, &mut direct);
    sqlite::files_and_rows(&host, &mut direct);
}
