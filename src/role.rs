//! Roles: folders of data that say what variables they take and what steps they are made of.
//!
//! `load` reads them, `declare` checks variables against declarations, `template` renders, `bind` turns a role
//! and a host's variables into steps. No role's name stands in here.

pub mod bind;
pub mod declare;
pub mod doc;
pub mod load;
pub mod origin;
pub mod schema;
pub mod template;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::{Place, Source};
use crate::step::Step;
use crate::step::gone::Holds;
use crate::step::kind::Kind;
use crate::yaml::Node;

/// A role as its folder declares it.
#[derive(Debug, Clone)]
pub struct Role {
    pub name: String,
    /// One sentence.
    pub summary: String,
    pub description: String,
    pub needs: Vec<RoleNeed>,
    /// Package → release (`debian-13`) → version that stands in when the host can't tell.
    pub versions: IndexMap<String, IndexMap<String, String>>,
    pub variables: IndexMap<String, Declaration>,
    /// Names for what is made of variables, in the order in which they may use each other.
    pub values: IndexMap<String, RoleValue>,
    /// Conditions on variables that no type can express, checked offline.
    pub assertions: Vec<Assertion>,
    pub steps: Vec<StepDeclaration>,
    /// What is left for people to do, elsewhere.
    pub advice: Vec<AdviceDeclaration>,
    /// `templates/` and `files/`, by path inside the role's folder.
    pub files: BTreeMap<String, RoleFile>,
    /// `role.yaml` itself.
    pub source: Arc<Source>,
}

/// A role that comes with another one.
#[derive(Debug, Clone)]
pub struct RoleNeed {
    pub role: String,
    pub place: Place,
    /// An expression over variables; the role comes only where it is true. `None`: always.
    pub when: Option<(String, Place)>,
}

#[derive(Debug, Clone)]
pub enum RoleFile {
    Text(Arc<Source>),
    Bytes(Vec<u8>),
}

/// `values:` in role.yaml: a name that templates know, and the Jinja expression that it stands for.
#[derive(Debug, Clone)]
pub struct RoleValue {
    pub expression: String,
    pub place: Place,
}

/// What a role says of one of its variables.
#[derive(Debug, Clone, PartialEq)]
pub struct Declaration {
    pub name: String,
    pub place: Place,
    pub ty: Type,
    /// `None`: no default, so required unless `optional`.
    pub default: Option<Node>,
    /// May be left out: then it is `none` in templates.
    pub optional: bool,
    /// The value that the variable has in rehearsals, whatever the inventory says.
    pub rehearsal: Option<Node>,
    /// Whether a missing secret may be made up; a private key that belongs to a certificate may not.
    pub generate: bool,
    pub doc: String,
}

/// The type of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    Text,
    Bool,
    Int {
        min: Option<i64>,
        max: Option<i64>,
    },
    /// Octal digits in quotes, "0640".
    Mode,
    /// A size with a unit, `25M`; in templates the number of bytes.
    Size,
    Path,
    /// A fully qualified host name.
    Hostname,
    Domain,
    /// An address `local@domain`.
    Email,
    Ip,
    Secret,
    OneOf(Vec<String>),
    List(Box<Type>),
    /// Free keys, one type of value.
    Map(Box<Type>),
    /// Fixed keys.
    Record(IndexMap<String, Declaration>),
    Any,
}

/// `assert:` in role.yaml.
#[derive(Debug, Clone)]
pub struct Assertion {
    pub place: Place,
    /// A Jinja expression that must be true.
    pub that: String,
    /// A template: what is wrong and what to do.
    pub message: String,
    /// A role that may come beside this one: checked where it does, and knows its variables.
    pub with: Option<String>,
    /// `each: EXPRESSION as NAME`: checked for each item.
    pub each: Option<Each>,
}

#[derive(Debug, Clone)]
pub struct Each {
    pub expression: String,
    pub name: String,
    pub place: Place,
}

/// A step as role.yaml has it: parameters are still templates.
#[derive(Debug, Clone)]
pub struct StepDeclaration {
    pub id: String,
    pub place: Place,
    pub doc: Option<String>,
    pub kind: &'static Kind,
    pub params: Node,
    /// A Jinja expression.
    pub when: Option<(String, Place)>,
    pub each: Option<Each>,
    pub needs: Vec<Need>,
    /// What is in what the step makes, when that is not the kind's own affair.
    pub holds: Option<Holds>,
}

/// `advice:` in role.yaml.
#[derive(Debug, Clone)]
pub struct AdviceDeclaration {
    pub place: Place,
    /// A word that people ask for it by.
    pub topic: String,
    /// A template; one line.
    pub title: String,
    /// A template that knows what the probe printed, as `seen`.
    pub text: String,
    /// A template of a fragment of shell that looks at the host.
    pub probe: Option<String>,
    /// A Jinja expression.
    pub when: Option<(String, Place)>,
    pub each: Option<Each>,
}

/// A declared edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    pub on: NeedOn,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NeedOn {
    /// `step` or `role/step`; all items when the step has `each`.
    Step {
        role: String,
        step: String,
    },
    Role {
        role: String,
    },
    /// `{role: R, host: H}`
    RoleOnHost {
        role: String,
        host: String,
    },
}

/// Which step of which host. Shown as `role/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId {
    pub host: Arc<str>,
    pub role: Arc<str>,
    /// `id`, or `id[item]` for a step with `each`.
    pub name: Arc<str>,
}

impl StepId {
    /// What the promise of a step is called that comes last: `STEP.afterwards`.
    pub const LAST: &str = ".afterwards";

    /// Whether it is one of those.
    pub fn is_last(&self) -> bool {
        let name = self.name.split_once('[').map_or(&*self.name, |(bare, _)| bare);
        name.ends_with(Self::LAST)
    }
}

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.role, self.name)
    }
}

/// A step of a host, ready to be probed.
#[derive(Debug)]
pub struct BoundStep {
    pub id: StepId,
    pub kind: &'static Kind,
    /// The step's place in its role.yaml.
    pub place: Place,
    pub doc: Option<String>,
    pub needs: Vec<Need>,
    /// Where the file's content comes from, for a step with a template.
    pub origin: Option<origin::Origin>,
    pub step: Box<dyn Step>,
    /// The promise that `step` takes back, for a step of a role that is to be absent.
    pub taken_back: Option<Box<dyn Step>>,
}

impl BoundStep {
    /// The promise as its role makes it, whether it is to be kept or taken back: what it provides and requires.
    pub fn promise(&self) -> &dyn Step {
        self.taken_back.as_deref().unwrap_or(self.step.as_ref())
    }

    /// Whether the step takes a promise back.
    pub fn is_absent(&self) -> bool {
        self.taken_back.is_some()
    }

    /// Whether `pattern` (`step` of the same role, `role/step`, items included) names this step; `from_role`
    /// is the role that the pattern was written in.
    pub fn matches(&self, pattern: &str, from_role: &str) -> bool {
        let (role, step) = pattern.split_once('/').unwrap_or((from_role, pattern));
        let name = self.id.name.as_ref();
        let bare = name.split_once('[').map_or(name, |(bare, _)| bare);
        self.id.role.as_ref() == role && (name == step || bare == step)
    }
}
