//! Rows of Markdown, ready for the book.

use crate::measure::median;

/// A row of the table: what was measured, and what the project wants of it.
pub struct Row {
    pub part: String,
    pub who: String,
    /// Median, with its unit.
    pub figure: String,
    /// The least and the most.
    pub range: String,
    pub runs: usize,
    pub ratio: Option<f64>,
    pub target: Option<Target>,
}

/// Words, and whether they came true.
pub struct Target {
    pub words: String,
    pub met: bool,
}

impl Target {
    pub fn at_most(figure: f64, most: f64, unit: &str) -> Option<Self> {
        Some(Self {
            words: format!("≤ {most} {unit}").trim_end().to_owned(),
            met: figure <= most,
        })
    }
}

pub fn heading() -> String {
    "| part | who | median | least … most | runs | ÷ floor | target | met |\n| --- | --- | ---: | ---: | ---: | ---: | \
     --- | --- |"
        .to_owned()
}

impl Row {
    /// Of seconds.
    pub fn time(part: &str, who: &str, seconds: &[f64]) -> Self {
        let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = seconds.iter().copied().fold(0.0, f64::max);
        Self {
            part: part.to_owned(),
            who: who.to_owned(),
            figure: format!("{:.3} s", median(seconds)),
            range: format!("{least:.3} … {most:.3}"),
            runs: seconds.len(),
            ratio: None,
            target: None,
        }
    }

    /// Of anything else.
    pub fn of(part: &str, who: &str, figure: String, runs: usize, target: Option<Target>) -> Self {
        Self {
            part: part.to_owned(),
            who: who.to_owned(),
            figure,
            range: String::new(),
            runs,
            ratio: None,
            target,
        }
    }

    pub fn markdown(&self) -> String {
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            self.part,
            self.who,
            self.figure,
            self.range,
            self.runs,
            self.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            self.target.as_ref().map_or("", |target| target.words.as_str()),
            self.target
                .as_ref()
                .map_or("", |target| if target.met { "yes" } else { "**no**" }),
        )
    }
}

/// One row per contender; the floor is the first. `most` is what mailprov may take, in floors.
pub fn beside_the_floor(part: &str, figures: &[(&'static str, Vec<f64>)], most: f64) -> Vec<Row> {
    let floor = figures.first().map_or(f64::NAN, |(_, seconds)| median(seconds));
    figures
        .iter()
        .filter(|(_, seconds)| !seconds.is_empty())
        .map(|(who, seconds)| {
            let mut row = Row::time(part, who, seconds);
            let ratio = median(seconds) / floor;
            row.ratio = Some(ratio);
            if *who == "mailprov" {
                row.target = Target::at_most((ratio * 100.0).round() / 100.0, most, "× floor");
            }
            row
        })
        .collect()
}

/// What the figures were measured on.
pub fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{cores} cores; load averages at the end {}",
        load.split(' ').take(3).collect::<Vec<_>>().join(" ")
    )
}
