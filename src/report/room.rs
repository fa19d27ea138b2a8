//! Lines that keep within a terminal: what has no room beside the columns before it stands below them.
//!
//! Only columns are laid out. What people copy (diffs, records, commands) and what programs say is left to the terminal,
//! which puts together again what it has broken.

/// How far in stands what had no room.
const INDENT: &str = "      ";

/// `columns  rest`, or the rest below where the two are wider than `width`.
pub fn beside(columns: &str, rest: &str, width: Option<usize>) -> String {
    let whole = format!("{columns}  {rest}");
    let Some(width) = width.filter(|width| visible(&whole) > *width) else {
        return whole;
    };
    let mut text = columns.trim_end().to_owned();
    let mut taken = width;
    for word in rest.split(' ') {
        let wide = visible(word);
        if taken + 1 + wide > width {
            text.push('\n');
            text.push_str(INDENT);
            taken = INDENT.len() + wide;
        } else {
            text.push(' ');
            taken += 1 + wide;
        }
        text.push_str(word);
    }
    text
}

/// Columns that a text takes on a terminal: colours take none.
fn visible(text: &str) -> usize {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().chars().count();
    let coloured = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
    first + coloured.map(|part| part.chars().count()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_stands_below() {
        assert_eq!(beside("a  ", "bc", None), "a    bc");
        assert_eq!(beside("a  ", "bc", Some(7)), "a    bc");
        assert_eq!(beside("a  ", "bc", Some(6)), "a\n      bc");
        assert_eq!(
            beside("abcdefgh", "bc de f", Some(11)),
            "abcdefgh\n      bc de\n      f"
        );
        assert_eq!(beside("a", "bc de f", Some(8)), "a\n      bc\n      de\n      f");
        assert_eq!(beside("\x1b[32mé\x1b[0m", "b", Some(4)), "\x1b[32mé\x1b[0m  b");
    }
}
