//! Wording of syntax errors: the parser's terms in words that say what to do.

/// What is wrong and what to do, for a message of the parser and the line that it points at.
pub fn explain(info: &str, line: &str) -> (String, Option<&'static str>) {
    let value_is_template = line.contains(": {{") || line.contains("- {{");
    let (message, help) = match info {
        _ if value_is_template => (
            "an unquoted value begins with `{{`, which is a map to YAML",
            Some("put the whole value in quotes: \"{{ … }}\""),
        ),
        i if i.contains("tab") => (
            "a tab stands where YAML allows only spaces",
            Some("indent with spaces"),
        ),
        "mapping values are not allowed in this context" => (
            "a `:` stands where no key can be",
            Some("quote the value if it holds `: `, or check the indentation of this line and the one above"),
        ),
        i if i.contains("quoted scalar")
            && ["end of stream", "document indicator", "indentation"]
                .iter()
                .any(|part| i.contains(part)) =>
        {
            (
                "the quote that begins here is not closed",
                Some("close it with the same quote; further lines of the text must be indented"),
            )
        }
        i if i.contains("unknown escape")
            || i.contains("hexadecimal")
            || i.contains("character escape code") =>
        {
            (
                "unknown escape in a text in double quotes",
                Some("write `\\\\` for a backslash, or use single quotes, where nothing is escaped"),
            )
        }
        i if i.contains("unknown anchor") => (
            "the alias names an anchor that doesn't exist above",
            Some("define it first with `&name`, or quote the value if it should begin with `*`"),
        ),
        i if i.contains("flow mapping") && i.contains('}') => (
            "the map that `{` began goes on with neither `,` nor `}`",
            Some("separate entries with `,` and close the map with `}`"),
        ),
        i if i.contains("flow sequence") => (
            "the list that `[` began goes on with neither `,` nor `]`",
            Some("separate items with `,` and close the list with `]`"),
        ),
        i if i.contains("block mapping") || i == "simple key expected" || i == "simple key expect ':'" => (
            "expected a key and a `:` here",
            Some("entries of a map are `key: value`, all with the same indentation"),
        ),
        i if i.contains("block collection") => (
            "expected an item that begins with `-` here",
            Some("items of a list begin with `- `, all with the same indentation"),
        ),
        "block sequence entries are not allowed in this context" => (
            "an item `-` stands where no list can be",
            Some("begin the list on a line of its own below its key"),
        ),
        i if i.contains("indentation") => (
            "the indentation fits nothing above it",
            Some(
                "lines of one map or list begin in the same column; or is a `[`, `{` or quote above not closed?",
            ),
        ),
        i if i.contains("expected node content") => (
            "a value is missing here",
            Some("write one, or `null` or \"\" if it is to be empty"),
        ),
        i if i.contains("unexpected character") => (
            "a value can't begin with this character",
            Some("put the value in quotes"),
        ),
        i if i.contains("trailing content") => (
            "something follows the closing quote",
            Some("put the whole value inside the quotes"),
        ),
        i if i.contains("alphabetic or numeric") => (
            "`*` and `&` begin an alias or an anchor, and no name follows",
            Some("put the value in quotes"),
        ),
        i if i.contains("illegal placement of ':'") => (
            "a `:` stands inside a list, or in a `[` or `{` above that was not closed",
            Some("close it with `]` or `}`"),
        ),
        i if i.contains("recursion") => ("lists and maps are nested too deep", None),
        "" => ("this is not valid YAML", None),
        other => return (format!("this is not valid YAML: {other}"), None),
    };
    (message.to_owned(), help)
}
