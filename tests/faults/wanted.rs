//! What the command line of the fault harness asks for. The suite reads with it the commands that the book shows.

/// The series, in the order in which they run.
pub const SERIES: [&str; 5] = ["change", "signals", "power", "fresh", "trouble"];

const USAGE: &str = "usage: cargo test --test faults -- [SERIES]... [--points N] [--only POINT] \
     [--range FIRST-LAST[,FIRST-LAST]...]";

/// What the command line asks for.
pub struct Wanted {
    /// All when none is named.
    pub series: Vec<String>,
    /// Points of each series; its own number when not given.
    pub points: Option<usize>,
    /// Only this point, or the trouble of this name.
    pub only: Option<String>,
    /// Only points or troubles with these numbers: a series can be taken up again, or shared by two processes.
    pub ranges: Option<Vec<(usize, usize)>>,
}

impl Wanted {
    /// # Errors
    /// How it is used, and what is wrong.
    pub fn read(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self {
            series: Vec::new(),
            points: None,
            only: None,
            ranges: None,
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = |what: &str| {
                let wrong = format!("{USAGE}\n{word} is followed by {what}");
                words.next().ok_or(wrong)
            };
            match word.as_str() {
                "--points" => {
                    let number = value("a number")?.parse();
                    let wrong = |_| format!("{USAGE}\n--points is followed by a number");
                    wanted.points = Some(number.map_err(wrong)?);
                }
                "--only" => wanted.only = Some(value("a point")?),
                "--range" => {
                    let range = value("a range")?;
                    let wrong = || format!("{USAGE}\n`{range}` is no range: 20-39 is one");
                    wanted.ranges = Some(ranges(&range).ok_or_else(wrong)?);
                }
                name if SERIES.contains(&name) => wanted.series.push(word),
                _ => return Err(format!("{USAGE}\nseries: {}", SERIES.join(", "))),
            }
        }
        Ok(wanted)
    }

    /// The point of this number, which may have a name too.
    pub fn has(&self, index: usize, name: Option<&str>) -> bool {
        let only = self.only.as_ref();
        let ranges = self.ranges.as_ref();
        only.is_none_or(|only| Some(only.as_str()) == name || *only == index.to_string())
            && ranges.is_none_or(|ranges| {
                ranges
                    .iter()
                    .any(|(first, last)| (first..=last).contains(&&index))
            })
    }
}

/// `20-39` or `4-8,12-14`.
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    let ends = |range: &str| {
        let (first, last) = range.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.split(',').map(ends).collect()
}
