//! The report: a line a point, and the figures of a series.

use super::kit::point::Row;

/// Prints a line as soon as its point is over.
pub fn line(number: usize, row: &Row) {
    let verdict = match (&row.found.problems[..], row.late) {
        ([], false) => "ok",
        ([], true) => "ok (late)",
        _ => "PROBLEM",
    };
    let code = row.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let found = &row.found;
    let at: String = row.at.chars().take(40).collect();
    println!(
        "{number:>3}  {:<11} {:<18} {at:<40} exit {code:>3}  lock {:>5.1} s  made up {:>2}  mail {:>3}/{}/{}  reads {:>6}/{}  {verdict}",
        row.what,
        row.when,
        found.lock,
        found.made_up,
        found.accepted,
        found.lost,
        found.twice,
        found.reads,
        found.half_written
    );
    for problem in &found.problems {
        println!("       {}", problem.replace('\n', "\n       "));
    }
}

/// The series' figures; whether nothing was found.
pub fn summary(series: &str, rows: &[Row], seconds: f64) -> bool {
    let sum = |value: fn(&Row) -> usize| rows.iter().map(value).sum::<usize>();
    let bad = sum(|row| usize::from(!row.found.problems.is_empty()));
    let reads: u64 = rows.iter().map(|row| row.found.reads).sum();
    println!(
        "\n{series}: {} points tried ({} of them after the run's end), {} converged, {bad} with a problem\n\
         {:>8} mails accepted, {} lost, {} delivered more than once\n\
         {reads:>8} reads of configuration files, {} half-written\n{seconds:>8.0} s\n",
        rows.len(),
        sum(|row| usize::from(row.late)),
        sum(|row| usize::from(row.found.converged)),
        sum(|row| row.found.accepted),
        sum(|row| row.found.lost),
        sum(|row| row.found.twice),
        sum(|row| row.found.half_written),
    );
    bad == 0
}
