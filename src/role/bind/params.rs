//! A step's parameters: expressions in them are rendered, places kept.

use minijinja::Value;

use super::context;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::role::template::Engine;
use crate::role::{Role, RoleFile};
use crate::step::kind::Files;
use crate::yaml::{Key, Node, NodeValue};

/// `node` with every text rendered; keys of maps too. Mistakes go to `wrong`.
pub fn render(engine: &Engine, node: &Node, scope: &Value, wrong: &mut Diagnostics) -> Node {
    let value = match &node.value {
        NodeValue::Text { text, .. } => {
            let rendered = engine
                .text(text, scope, &node.place)
                .and_then(|value| context::node(&value, &node.place));
            match rendered {
                Ok(rendered) => return rendered,
                Err(mistake) => {
                    wrong.push(mistake);
                    NodeValue::Null
                }
            }
        }
        NodeValue::List(items) => NodeValue::List(
            items
                .iter()
                .map(|item| render(engine, item, scope, wrong))
                .collect(),
        ),
        NodeValue::Map(entries) => NodeValue::Map(
            entries
                .iter()
                .map(|(key, value)| {
                    let name = match engine.text(&key.name, scope, &key.place) {
                        Ok(name) => name.to_string(),
                        Err(mistake) => {
                            wrong.push(mistake);
                            key.name.clone()
                        }
                    };
                    let key = Key {
                        name,
                        place: key.place.clone(),
                    };
                    (key, render(engine, value, scope, wrong))
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node {
        place: node.place.clone(),
        value,
    }
}

/// The files of a role as a kind may ask for them, rendered for one step.
pub struct RoleFiles<'a> {
    pub role: &'a Role,
    pub engine: &'a Engine,
    pub scope: &'a Value,
    /// The step, for a name that is not there.
    pub place: &'a Place,
}

impl Files for RoleFiles<'_> {
    fn template(&self, name: &str) -> Result<String, Diagnostics> {
        self.engine
            .file(name, self.scope, self.place)
            .map_err(Diagnostics::from)
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, Diagnostics> {
        match self.role.files.get(&format!("files/{name}")) {
            Some(RoleFile::Text(source)) => Ok(source.text.clone().into_bytes()),
            Some(RoleFile::Bytes(bytes)) => Ok(bytes.clone()),
            None => Err(
                Diagnostic::new(format!("the role `{}` has no `files/{name}`", self.role.name))
                    .at(self.place)
                    .into(),
            ),
        }
    }

    fn holds_secret(&self, text: &str) -> bool {
        self.engine.finds_secret(text)
    }
}
