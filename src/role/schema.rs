//! JSON Schema of an inventory, for editors: its keys, and the variables of all roles that are given.

use serde_json::{Map, Value, json};

use super::load::Roles;
use super::{Declaration, Type};
use crate::yaml::Node;

/// The schema of inventories that use `roles`.
pub fn inventory(roles: &Roles) -> Value {
    let mut variables = Map::new();
    for role in roles.0.values() {
        for declaration in role.variables.values() {
            let mut schema = described(declaration);
            if let Some(map) = schema.as_object_mut() {
                let doc = format!("{} (role {})", declaration.doc, role.name);
                map.insert("description".to_owned(), Value::String(doc));
            }
            variables.insert(declaration.name.clone(), schema);
        }
    }
    let role_names: Vec<&String> = roles.0.keys().collect();
    // Roles and variables of the user's own are not known here, so other names are allowed.
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mailprov inventory",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "include": {"type": "array", "items": {"type": "string"}, "description": "Files that are part of the inventory, relative to it."},
            "secrets": {"type": "string", "description": "The secrets file; `secrets.yaml` beside the inventory when not given."},
            "roles_path": {"type": "string", "description": "A folder with roles of your own; `roles/` beside the inventory when not given."},
            "variables": {"$ref": "#/$defs/variables"},
            "groups": {"$ref": "#/$defs/groups"},
            "hosts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/host"}},
        },
        "$defs": {
            "variables": {"type": ["object", "null"], "properties": variables},
            "roles": {
                "type": "array",
                "uniqueItems": true,
                "items": {"anyOf": [{"enum": role_names}, {"type": "string"}, {"$ref": "#/$defs/role"}]},
            },
            "role": {
                "type": "object",
                "additionalProperties": false,
                "required": ["role"],
                "properties": {
                    "role": {"anyOf": [{"enum": role_names}, {"type": "string"}]},
                    "state": {"enum": ["present", "absent"], "default": "present", "description": "`absent`: what the role made on the host is taken back."},
                    "purge": {"type": "boolean", "default": false, "description": "With `state: absent`: people's mail, keys and databases go too."},
                },
            },
            "groups": {"type": "object", "additionalProperties": {"$ref": "#/$defs/group"}},
            "group": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "hosts": {"type": "array", "items": {"type": "string"}},
                    "groups": {"$ref": "#/$defs/groups"},
                    "roles": {"$ref": "#/$defs/roles"},
                    "variables": {"$ref": "#/$defs/variables"},
                },
            },
            "host": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "ssh": {"$ref": "#/$defs/ssh"},
                    "release": {"type": "string", "description": "The release that offline commands assume, `debian-13`."},
                    "roles": {"$ref": "#/$defs/roles"},
                    "variables": {"$ref": "#/$defs/variables"},
                },
            },
            "ssh": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "address": {"type": "string", "description": "Name or address; the host's name when not given."},
                    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 22},
                    "user": {"type": "string", "default": "root"},
                    "identity_files": {"type": "array", "items": {"type": "string"}, "description": "Private keys, tried in order before the agent."},
                    "password": {"type": "string", "description": "`!secret NAME`"},
                    "sudo_password": {"type": "string", "description": "`!secret NAME`"},
                    "host_key_fingerprint": {"type": "string", "pattern": "^SHA256:"},
                    "known_hosts": {"type": "string"},
                    "ssh_config": {"type": "boolean"},
                    "bootstrap": {"$ref": "#/$defs/bootstrap"},
                },
            },
            "bootstrap": {
                "type": ["object", "null"],
                "description": "How the provider handed the host over: what `mailprov bootstrap` begins with.",
                "additionalProperties": false,
                "properties": {
                    "user": {"type": "string", "default": "root", "description": "Who can log in at first."},
                    "password": {"type": "string", "description": "`!secret NAME`: tried at the first login, and set when the host demands a new one."},
                    "authorized_keys": {"type": "array", "items": {"type": "string"}, "description": "Files with the public keys that may log in, instead of your own."},
                },
            },
        },
    })
}

/// The schema of a type. A secret reads as the text behind `!secret`.
pub fn of(ty: &Type) -> Value {
    match ty {
        Type::Text => json!({"type": "string"}),
        Type::Bool => json!({"type": "boolean"}),
        Type::Int { min, max } => {
            let mut schema = Map::from_iter([("type".to_owned(), json!("integer"))]);
            schema.extend(min.map(|min| ("minimum".to_owned(), json!(min))));
            schema.extend(max.map(|max| ("maximum".to_owned(), json!(max))));
            Value::Object(schema)
        }
        Type::Mode => json!({"type": "string", "pattern": "^[0-7]{3,4}$"}),
        Type::Size => json!({
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]+([KkMmGgTt]([Ii]?[Bb])?|[Bb])?$"},
            ],
        }),
        Type::Path => json!({"type": "string", "pattern": "^/"}),
        Type::Hostname => json!({"type": "string", "format": "hostname", "pattern": "\\."}),
        Type::Domain => json!({"type": "string", "format": "hostname"}),
        Type::Email => json!({"type": "string", "format": "email"}),
        Type::Ip => json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
        Type::Secret => json!({"type": "string"}),
        Type::OneOf(values) => json!({"enum": values}),
        Type::List(of) => json!({"type": "array", "items": self::of(of)}),
        Type::Map(of) => json!({"type": "object", "additionalProperties": self::of(of)}),
        Type::Record(fields) => {
            let required: Vec<&str> = fields
                .values()
                .filter(|field| field.default.is_none() && !field.optional)
                .map(|field| field.name.as_str())
                .collect();
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, field)| (name.clone(), described(field)))
                .collect();
            json!({
                "type": "object",
                "additionalProperties": false,
                "properties": properties,
                "required": required,
            })
        }
        Type::Any => json!({}),
    }
}

fn described(declaration: &Declaration) -> Value {
    let mut schema = of(&declaration.ty);
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".to_owned(), Value::String(declaration.doc.clone()));
        if let Some(default) = declaration.default.as_ref().map(Node::to_value) {
            map.extend(
                serde_json::to_value(default)
                    .ok()
                    .map(|default| ("default".to_owned(), default)),
            );
        }
        if declaration.optional {
            return json!({"anyOf": [schema, {"type": "null"}], "description": declaration.doc});
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::testing::World;

    #[test]
    fn variables_of_roles_are_in_the_schema_with_their_types() {
        let world = World::new(&[(
            "roles/a/role.yaml",
            "summary: A.\nvariables:\n  a_n: {type: int, min: 1, default: 3, doc: N.}\n  a_r:\n    type: record\n    \
             optional: true\n    doc: R.\n    fields: {x: {type: one_of, values: [p, q], doc: X.}}\n",
        )]);
        let schema = inventory(&world.roles(&["a"]).unwrap());
        let variables = &schema["$defs"]["variables"]["properties"];
        assert_eq!(
            variables["a_n"],
            json!({"type": "integer", "minimum": 1, "default": 3, "description": "N. (role a)"})
        );
        assert_eq!(
            variables["a_r"]["anyOf"][0]["properties"]["x"]["enum"],
            json!(["p", "q"])
        );
        assert_eq!(variables["a_r"]["anyOf"][0]["required"], json!(["x"]));
    }
}
