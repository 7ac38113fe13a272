//! Tests that every module, function and file that the pages on the architecture name exists.

use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};

use regex::Regex;

/// The directories with the sources that the pages name.
const SOURCES: [&str; 6] = [
    "server",
    "app",
    "incoming",
    "widget-wasm",
    "end2end",
    "ansible",
];

/// Directories with the results of builds.
const LEFT_OUT: [&str; 5] = ["target", "node_modules", "dist", ".ansible", "test-results"];

/// `relay::queue` anywhere, and as code also `recap/unseen` and `api queue`, which is a module of a test suite. A name may
/// be cut with an ellipsis.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?: ^ | [^\w/:.] ) ( [a-zA-Z]\w* (?: ::\w+ )+ …? )
        | ` (?: \w+\x20 )? ( [a-z][\w-]* (?: / [\w.-]+ )+ (?: ::\w+ )? ) `
        | ` (?: api | synapse | faults ) \x20 ( \w+ ) (?: ::[\w:]+ …? )? `
    ",
    )
    .unwrap()
});

/// The text of each source, by its path without `src` and without the ending, as modules are named.
fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut sources = BTreeMap::new();
    for folder in SOURCES {
        read(&root.join(folder), folder, &mut sources);
    }
    sources
}

fn read(folder: &Path, name: &str, sources: &mut BTreeMap<String, String>) {
    sources.entry(module_name(name)).or_default();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let inner = format!("{name}/{file}");
        if path.is_dir() {
            if !LEFT_OUT.contains(&file.as_str()) {
                read(&path, &inner, sources);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            // A file and the folder beside it are one module.
            sources
                .entry(module_name(&inner))
                .or_default()
                .push_str(&text);
        }
    }
}

/// `/server/relay/queue` for `server/src/relay/queue.rs` and for `relay::queue` in the crate `server`.
fn module_name(path: &str) -> String {
    let parts = path.replace("::", "/").replace('-', "_");
    let parts = parts.split('/').filter(|part| *part != "src");
    let name = parts.fold(String::new(), |name, part| format!("{name}/{part}"));
    let endings = [".spec.ts", ".rs", ".ts", ".js", ".py", ".yml", ".sh"];
    let ending = endings.iter().find(|ending| name.ends_with(**ending));
    ending
        .map_or(name.as_str(), |ending| &name[..name.len() - ending.len()])
        .to_owned()
}

/// Whether there is a module of this name, or one that contains the last part of the name.
fn exists(named: &str, sources: &BTreeMap<String, String>) -> bool {
    let name = module_name(named.trim_end_matches('…'));
    let modules_of = |name: &str| {
        let name = name.to_owned();
        sources
            .iter()
            .filter(move |(module, _)| module.ends_with(&name))
    };
    if modules_of(&name).next().is_some() {
        return true;
    }
    // `recap/unseen` is a file, and only `recap::unseen` may be an item of a module.
    if !named.contains("::") {
        return false;
    }
    let Some((module, item)) = name
        .rsplit_once('/')
        .filter(|(module, _)| !module.is_empty())
    else {
        return false;
    };
    let whole = if named.ends_with('…') { "" } else { r"\b" };
    let item = Regex::new(&format!(r"\b{item}{whole}")).unwrap();
    let mut modules = modules_of(module);
    modules.any(|(_, text)| item.is_match(text))
        // A type's method is named by the type, which is in some module.
        || (module.matches('/').count() == 1
            && sources.values().any(|text| {
                text.contains(&format!(" {} ", module.trim_start_matches('/'))) && item.is_match(text)
            }))
}

#[test]
fn what_the_architecture_pages_name_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/architecture");
    let sources = sources();
    let (mut missing, mut found) = (Vec::new(), 0);
    for page in fs::read_dir(folder).unwrap() {
        let path = page.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for named in NAMED.captures_iter(&text) {
            let named = (1..=3).find_map(|group| named.get(group)).unwrap().as_str();
            found += 1;
            if !exists(named, &sources) {
                missing.push(format!("{}: {named}", path.file_name().unwrap().display()));
            }
        }
    }
    assert!(found > 100, "names were found: {found}");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_name_that_nothing_has_is_missed() {
    let sources = BTreeMap::from([(
        "/server/relay/queue".to_owned(),
        "pub fn claim() {}".to_owned(),
    )]);
    for (named, is_there) in [
        ("relay::queue", true),
        ("server/src/relay/queue.rs", true),
        ("queue::claim", true),
        ("queue::cla…", true),
        ("queue::cla", false),
        ("relay::worker", false),
        ("matrix/queue", false),
        ("queue/claim", false),
    ] {
        assert_eq!(exists(named, &sources), is_there, "{named}");
    }
}
