//! `cargo xtask size`: the size of the widget, and which crates the bytes of its WebAssembly come from.

use fs_err as fs;
use std::collections::{BTreeMap, HashMap};

use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use crate::bundle;
use crate::failure::{Context, Result};
use crate::interruption::watch_signals;
use crate::layout::Layout;
use crate::progress::note;
use crate::{node, widget};

/// How many of the largest functions are named.
const LARGEST: usize = 15;

/// Builds the widget and tells its sizes.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    watch_signals()?;
    node::ensure(layout)?;
    widget::build(layout)?;
    let wasm = bundle::wasm_with_names(layout)?;
    let wasm = fs::read(&wasm)?;
    let code = Code::read(&wasm).context("cannot read the WebAssembly")?;
    note(format!(
        "\nWebAssembly, before compression: {} bytes, {} of them code. By crate:",
        wasm.len(),
        code.functions.iter().map(|(_, size)| size).sum::<u64>()
    ));
    for (name, size) in code.by_crate() {
        note(format!("{size:>8}  {name}"));
    }
    note("\nThe largest functions, with what the compiler has put into them:");
    for (name, size) in code.functions.iter().take(LARGEST) {
        note(format!("{size:>8}  {name}"));
    }
    note("");
    widget::check_size(layout)
}

/// The owner of a function that names no crate.
const NO_CRATE: &str = "(no crate)";

/// The functions, largest first.
struct Code {
    functions: Vec<(String, u64)>,
}

impl Code {
    fn read(wasm: &[u8]) -> wasmparser::Result<Self> {
        let mut imported = 0;
        let mut sizes = Vec::new();
        let mut names = HashMap::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    sizes.push(body.range().end - body.range().start);
                }
                Payload::CustomSection(section) => {
                    let KnownCustom::Name(sections) = section.as_known() else {
                        continue;
                    };
                    for section in sections {
                        if let Name::Function(functions) = section? {
                            for function in functions {
                                let function = function?;
                                names.insert(function.index, function.name.to_owned());
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let mut functions: Vec<(String, u64)> = (imported..)
            .zip(sizes)
            .map(|(index, size)| (names.remove(&index).unwrap_or_default(), size))
            .collect();
        functions.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        Ok(Self { functions })
    }

    /// Crates with the sizes of their functions, largest first.
    fn by_crate(&self) -> Vec<(&str, u64)> {
        let mut sizes = BTreeMap::new();
        for (function, size) in &self.functions {
            *sizes.entry(crate_of(function)).or_default() += size;
        }
        let mut sizes: Vec<_> = sizes.into_iter().collect();
        sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        sizes
    }
}

/// The crate in a function's name: the first path in it.
fn crate_of(function: &str) -> &str {
    let Some(end) = function.find("::") else {
        return NO_CRATE;
    };
    let path = &function[..end];
    let start = path.rfind(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &path[start.map_or(0, |at| at + 1)..];
    if !name.is_empty() {
        return name;
    }
    // `core[0123456789abcdef]::str` has a hash after the crate.
    let name = path.trim_end_matches(|c| c != '[').trim_end_matches('[');
    let start = name.rfind(|c: char| !c.is_alphanumeric() && c != '_');
    match &name[start.map_or(0, |at| at + 1)..] {
        // A method of a slice: `<[u8]>::`.
        "" => NO_CRATE,
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_crates() {
        for (function, owner) in [
            ("widget_wasm::view::View::fit::h571b", "widget_wasm"),
            (
                "<widget_wasm::json::Fields as serde_core::de::MapAccess>::next",
                "widget_wasm",
            ),
            ("core[c5930c85a12de822]::str::count", "core"),
            ("<alloc[3ca501]::string::String>::push", "alloc"),
            ("widget_setOpen", NO_CRATE),
            ("<[u8]>::to_vec_in::<alloc[7e41]::alloc::Global>", NO_CRATE),
        ] {
            assert_eq!(crate_of(function), owner, "{function}");
        }
    }

    #[test]
    fn what_is_not_webassembly_is_refused() {
        assert!(Code::read(b"<html>").is_err());
    }
}
