//! Tests that read the sources and check the direction of imports: from the outside in, and never in a circle.
//!
//! The imports between the modules of one module may not form a circle; each module counts with everything inside it.
//! Imports between a module and its own inner modules are not checked, and neither is test code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::LazyLock,
};

use regex::Regex;

/// The parts of the relay that the port to the homeserver imports, while the rest of the relay imports the port. Each of
/// them counts as a module of the crate's root.
const BELOW: &[&str] = &[
    "relay::backoff",
    "relay::handoff",
    "relay::queue",
    "relay::store",
    "relay::when_to_ask",
];

/// Modules, and those that each of them must not import.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "model",
        &["storage", "support_chat", "matrix", "relay", "http"],
    ),
    ("poll_cache", &["support_chat", "matrix", "relay", "http"]),
    ("storage", &["support_chat", "matrix", "http"]),
    ("relay", &["support_chat", "http"]),
    ("matrix", &["support_chat", "http"]),
    ("support_chat", &["matrix", "http"]),
];

type Name = Vec<String>;

static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?m)//.*$").unwrap());
static DECLARED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").unwrap());
static IMPORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?ms)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap());
static WRITTEN_OUT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap());

/// A crate's modules, and what each of them imports.
#[derive(Debug, Default)]
struct Sources {
    modules: BTreeMap<Name, Module>,
}

#[derive(Debug, Default)]
struct Module {
    /// The imported names, and the paths that they refer to.
    names: BTreeMap<String, Name>,
    /// Every path that is imported or written out.
    paths: BTreeSet<Name>,
}

impl Sources {
    fn read(root: &Path) -> Self {
        let mut sources = Self::default();
        sources.read_folder(root, &[]);
        sources
    }

    fn read_folder(&mut self, folder: &Path, name: &[String]) {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let inner = [name, std::slice::from_ref(&stem)].concat();
            if path.is_dir() {
                self.read_folder(&path, &inner);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !matches!(stem.as_str(), "tests" | "main" | "imports")
            {
                let name = if stem == "lib" { name.to_vec() } else { inner };
                let module = Module::read(&fs::read_to_string(&path).unwrap(), &name);
                self.modules.insert(name, module);
            }
        }
    }

    /// The module in which the last name of the path is defined.
    fn home_of(&self, path: &[String]) -> Option<Name> {
        let mut path = path.to_vec();
        // No name is re-exported more often than that.
        for _ in 0..8 {
            let depth = (0..=path.len())
                .rev()
                .find(|depth| self.modules.contains_key(&path[..*depth]))?;
            let (module, rest) = path.split_at(depth);
            let re_exported = rest
                .first()
                .and_then(|first| self.modules[module].names.get(first))
                .filter(|target| **target != path[..=depth]);
            match re_exported {
                Some(target) => path = [target, &rest[1..]].concat(),
                None => return Some(module.to_vec()),
            }
        }
        None
    }

    /// Pairs of modules: the first one imports a name that the second one defines.
    fn imports(&self) -> BTreeSet<(Name, Name)> {
        let mut imports = BTreeSet::new();
        for (name, module) in &self.modules {
            for path in &module.paths {
                if let Some(home) = self.home_of(path).filter(|home| home != name) {
                    imports.insert((name.clone(), home));
                }
            }
        }
        imports
    }

    /// One line for each import that is part of a circle.
    fn circles(&self) -> Vec<String> {
        // For each module: the imports between its inner modules, with an example of each.
        let mut levels: BTreeMap<Name, BTreeMap<(String, String), String>> = BTreeMap::new();
        for (from, to) in self.imports() {
            let (from_parts, to_parts) = (parts(&from), parts(&to));
            let shared = from_parts.iter().zip(&to_parts).take_while(|(a, b)| a == b);
            let shared = shared.count();
            if let (Some(a), Some(b)) = (from_parts.get(shared), to_parts.get(shared)) {
                let example = format!("{} imports {}", from.join("::"), to.join("::"));
                let level = levels.entry(from_parts[..shared].to_vec()).or_default();
                level.entry((a.clone(), b.clone())).or_insert(example);
            }
        }
        let in_circles = levels.values().flat_map(|edges| {
            let returns = |(a, b): &(String, String)| reaches(edges, b, a);
            edges.iter().filter(move |(edge, _)| returns(edge))
        });
        in_circles.map(|(_, example)| example.clone()).collect()
    }
}

/// The components of a module's name. Those in `BELOW` form one component.
fn parts(name: &[String]) -> Name {
    match name {
        [first, second, rest @ ..] if BELOW.contains(&&*format!("{first}::{second}")) => {
            [&[format!("{first}::{second}")], rest].concat()
        }
        _ => name.to_vec(),
    }
}

fn reaches(edges: &BTreeMap<(String, String), String>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            let onward = edges.keys().filter(|(a, _)| a == module);
            next.extend(onward.map(|(_, b)| b.as_str()));
        }
    }
    false
}

impl Module {
    fn read(source: &str, name: &[String]) -> Self {
        let source = source.split("#[cfg(test)]\nmod ").next().unwrap();
        let source = COMMENT.replace_all(source, "");
        let inner: BTreeSet<_> = DECLARED
            .captures_iter(&source)
            .map(|found| found[1].to_owned())
            .collect();
        let absolute = |path: &str| absolute(path, name, &inner);
        let mut module = Self::default();
        for found in IMPORT.captures_iter(&source) {
            let mut flat = Vec::new();
            flatten(
                "",
                &found[1].split_whitespace().collect::<Vec<_>>().join(" "),
                &mut flat,
            );
            for (path, alias) in flat {
                if let Some(path) = absolute(&path) {
                    module.names.insert(alias, path.clone());
                    module.paths.insert(path);
                }
            }
        }
        let body = IMPORT.replace_all(&source, "");
        module.paths.extend(
            WRITTEN_OUT
                .find_iter(&body)
                .filter_map(|path| absolute(path.as_str())),
        );
        module
    }
}

/// The path from the crate's root; `None` when it leads to another crate.
fn absolute(path: &str, module: &[String], inner: &BTreeSet<String>) -> Option<Name> {
    let mut parts = path.split("::").map(str::to_owned).peekable();
    let mut name = module.to_vec();
    match parts.peek()?.as_str() {
        "crate" => name.clear(),
        "self" | "super" => {}
        first if inner.contains(first) => return Some([name, parts.collect()].concat()),
        _ => return None,
    }
    for part in parts {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => drop(name.pop()),
            _ => name.push(part),
        }
    }
    Some(name)
}

/// Takes `a::{b, c as d}` apart: the paths, and the names that they get.
fn flatten(prefix: &str, tree: &str, flat: &mut Vec<(String, String)>) {
    let tree = tree.trim();
    if let Some((before, inside)) = tree.split_once('{') {
        let inside = inside.strip_suffix('}').unwrap();
        let prefix = format!("{prefix}{before}");
        let (mut depth, mut start) = (0, 0);
        for (at, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    flatten(&prefix, &inside[start..at], flat);
                    start = at + 1;
                }
                _ => {}
            }
        }
        flatten(&prefix, &inside[start..], flat);
    } else if !tree.is_empty() {
        let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = format!("{prefix}{path}");
        let path = path.trim_end_matches("::self").trim_end_matches("::*");
        let last = path.rsplit("::").next().unwrap_or_default();
        let alias = if alias.is_empty() { last } else { alias };
        flat.push((path.to_owned(), alias.to_owned()));
    }
}

fn sources_of(folder: &str) -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
}

#[test]
fn no_imports_form_a_circle() {
    for folder in ["src", "../app/src", "../incoming/src"] {
        let circles = sources_of(folder).circles();
        assert!(circles.is_empty(), "{folder}:\n{}", circles.join("\n"));
    }
}

#[test]
fn imports_go_from_the_outside_in() {
    let imports = sources_of("src").imports();
    assert!(imports.len() > 100, "the sources were read");
    let wrong: Vec<_> = imports
        .iter()
        .filter(|(from, to)| {
            let to = to.first().map(String::as_str);
            let mut rules = FORBIDDEN
                .iter()
                .filter(|(module, _)| from.first().is_some_and(|it| it == module));
            rules.any(|(_, forbidden)| to.is_some_and(|to| forbidden.contains(&to)))
        })
        .map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_found_behind_re_exports() {
    let mut sources = Sources::default();
    for (name, source) in [
        ("", "pub mod a;\npub mod b;"),
        ("a", "mod inner;\npub use inner::{Deep as Shown, more::*};"),
        ("a::inner", "use crate::b::{self, c::{D, E}};"),
        ("b", "fn f() { crate::a::Shown::new() }"),
    ] {
        let name: Name = name
            .split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        let module = Module::read(source, &name);
        sources.modules.insert(name, module);
    }
    assert_eq!(
        sources.circles(),
        ["a::inner imports b", "b imports a::inner"]
    );
}
