//! The one description of the work that every contender does. Knows nothing of the contenders.

/// Packages, a user with its group, directories, files, services, look-ups in a database.
pub struct Work {
    pub name: &'static str,
    pub packages: &'static [&'static str],
    pub user: &'static str,
    pub folders: Vec<String>,
    /// Path and content; mode 0640, of the user and its group.
    pub files: Vec<(String, String)>,
    pub services: &'static [&'static str],
    /// Key and value of a row.
    pub rows: Vec<(String, String)>,
}

pub const DATABASE: &str = "bench";
pub const TABLE: &str = "setting";

pub fn small() -> Work {
    Work::new("small", 12, 40, 5)
}

pub fn large() -> Work {
    Work::new("large", 60, 300, 34)
}

impl Work {
    fn new(name: &'static str, folders: usize, files: usize, rows: usize) -> Self {
        let root = format!("/srv/{name}");
        let folder = |i: usize| match i {
            0 => root.clone(),
            _ => format!("{root}/part-{i:02}"),
        };
        Self {
            name,
            packages: &["mariadb-server", "cron", "rsyslog", "sudo", "ca-certificates"],
            user: "bench",
            folders: (0..folders).map(folder).collect(),
            files: (0..files)
                .map(|i| (format!("{}/file-{i:03}.conf", folder(i % folders)), content(i)))
                .collect(),
            services: &["mariadb.service", "cron.service", "rsyslog.service"],
            rows: (0..rows)
                .map(|i| (format!("{name}_{i:02}"), format!("value {i}")))
                .collect(),
        }
    }

    /// Packages are one step, the group and the user one each.
    pub fn steps(&self) -> usize {
        3 + self.folders.len() + self.files.len() + self.services.len() + self.rows.len()
    }
}

/// Something like a configuration file, 2 KB.
fn content(number: usize) -> String {
    let mut text = format!("# file {number}\n");
    for line in 0..45 {
        text.push_str(&format!("setting_{number}_{line} = it's a \"value\" of {line}\n"));
    }
    text
}
