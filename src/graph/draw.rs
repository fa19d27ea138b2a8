//! The graph for people: as text, for Graphviz, for Mermaid. Edges that follow from others are left out of the
//! pictures.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use petgraph::algo::tred::{dag_to_toposorted_adjacency_list, dag_transitive_reduction_closure};
use petgraph::graph::NodeIndex;
use petgraph::visit::IntoNeighbors as _;

use super::{Reason, StepGraph};

/// Every step in the order of the plan, with what it waits for and why.
pub fn text(graph: &StepGraph) -> String {
    let kept = reduced(graph);
    let mut text = String::new();
    for host in graph.hosts() {
        let _ = writeln!(text, "{host}");
        for index in graph.of_host(&host) {
            let step = graph.step(index);
            let _ = writeln!(text, "  {}  {} {}", step.id, step.kind.name, step.step.summary());
            for (need, reason) in graph.needs(index) {
                if !kept.contains(&(need, index)) {
                    continue;
                }
                let id = &graph.step(need).id;
                let place = if id.host == host {
                    String::new()
                } else {
                    format!("{}: ", id.host)
                };
                let _ = writeln!(text, "      after {place}{id}: {}", short(reason));
            }
        }
    }
    text
}

/// The graph in Graphviz' language: a box per host.
pub fn dot(graph: &StepGraph) -> String {
    let mut text =
        String::from("digraph mailprov {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (number, host) in graph.hosts().iter().enumerate() {
        let _ = writeln!(
            text,
            "  subgraph cluster_{number} {{\n    label={};",
            quoted(host)
        );
        for index in graph.of_host(host) {
            let step = graph.step(index);
            let label = format!("{}\n{}", step.id, step.kind.name);
            let _ = writeln!(text, "    s{index} [label={}];", quoted(&label));
        }
        text.push_str("  }\n");
    }
    for (need, step) in reduced(graph) {
        let _ = writeln!(text, "  s{need} -> s{step};");
    }
    text.push_str("}\n");
    text
}

/// The graph as a Mermaid flowchart: a subgraph per host.
pub fn mermaid(graph: &StepGraph) -> String {
    let mut text = String::from("flowchart LR\n");
    for (number, host) in graph.hosts().iter().enumerate() {
        let _ = writeln!(text, "  subgraph h{number}[\"{}\"]", entities(host));
        for index in graph.of_host(host) {
            let id = graph.step(index).id.to_string();
            let _ = writeln!(text, "    s{index}[\"{}\"]", entities(&id));
        }
        text.push_str("  end\n");
    }
    for (need, step) in reduced(graph) {
        let _ = writeln!(text, "  s{need} --> s{step}");
    }
    text
}

/// The edges of the transitive reduction, as (needed step, step).
fn reduced(graph: &StepGraph) -> BTreeSet<(usize, usize)> {
    let order: Vec<NodeIndex> = graph.order.iter().map(|index| NodeIndex::new(*index)).collect();
    let (list, _) = dag_to_toposorted_adjacency_list::<_, u32>(&graph.edges, &order);
    let (reduction, _) = dag_transitive_reduction_closure(&list);
    let mut edges = BTreeSet::new();
    for (rank, index) in graph.order.iter().enumerate() {
        let Ok(rank) = u32::try_from(rank) else { continue };
        for next in reduction.neighbors(rank) {
            edges.insert((*index, graph.order[next as usize]));
        }
    }
    edges
}

fn short(reason: &Reason) -> String {
    match reason {
        Reason::Declared(place) => format!("declared ({}:{})", place.source.name, place.line),
        Reason::Implied(words) => words.clone(),
    }
}

fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}

/// Mermaid takes `#NAME;` for characters that mean something to it.
fn entities(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;")
}
