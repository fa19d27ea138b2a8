//! `advice:` of role.yaml.

use super::{keys, steps};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::AdviceDeclaration;
use crate::yaml::Node;

const KEYS: [&str; 6] = ["topic", "title", "text", "probe", "when", "each"];

pub fn read(node: &Node, wrong: &mut Diagnostics) -> Vec<AdviceDeclaration> {
    let mut found = Vec::new();
    for item in keys::list(node, "a list of advice", wrong) {
        if keys::keys(item, "a map with `topic`, `title` and `text`", &KEYS, wrong).is_empty() {
            continue;
        }
        let mut text = |key: &str, required: bool| {
            let node = item.get(key);
            if node.is_none() && required {
                wrong.push(Diagnostic::new(format!("the advice has no `{key}`")).at(&item.place));
            }
            node.and_then(|node| Some((keys::text(node, "a text", wrong)?.to_owned(), node.place.clone())))
        };
        let (topic, title, body) = (text("topic", true), text("title", true), text("text", true));
        let (probe, when) = (text("probe", false), text("when", false));
        let each = item.get("each").and_then(|node| steps::each(node, wrong));
        let (Some((topic, place)), Some((title, _)), Some((text, _))) = (topic, title, body) else {
            continue;
        };
        if !keys::is_name(&topic, "_-") {
            wrong.push(
                Diagnostic::new(format!("`{topic}` is no topic"))
                    .at(&place)
                    .help("a topic is a word of lower-case letters, as people type it: `dns`"),
            );
        }
        found.push(AdviceDeclaration {
            place: item.place.clone(),
            topic,
            title,
            text,
            probe: probe.map(|(probe, _)| probe),
            when,
            each,
        });
    }
    found
}
