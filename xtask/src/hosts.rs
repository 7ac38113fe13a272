//! Websites that embed the widget, as front-end developers would: `end2end/hosts`.

use std::path::Path;

use crate::failure::Result;
use crate::files;
use crate::layout::Layout;
use crate::node;
use crate::process::{command, run_logged, run_shown};
use crate::progress::step;

/// What the Vue site is built with for `VITE_MATRIX_CHAT_ENABLED`, by the name of the result.
const SITES: [(&str, Option<&str>); 3] = [
    ("enabled", Some("true")),
    ("near-miss", Some("TRUE")),
    ("unset", None),
];

/// Installs the package into the Vue site as its users do, checks types, and builds the site.
pub(crate) fn build(layout: &Layout, package: &Path, api_url: &str) -> Result<()> {
    let site = layout.root.join("end2end").join("hosts").join("vue");
    step("the Vue site's packages", || {
        node::ci(layout, &site)?;
        // Of the same version as before, but not the same; and no lock file could know it.
        files::remove_dir(&site.join("node_modules/@webdevelop-pro"))?;
        run_logged(
            command("npm")
                .args(["install", "--no-save", "--no-audit", "--no-fund"])
                .arg(package)
                .current_dir(&site),
            "installing the packed widget",
            &layout.logs().join("npm-hosts.log"),
        )
    })?;
    step("the Vue site's types", || {
        run_shown(
            command("npm")
                .args(["run", "--silent", "check"])
                .current_dir(&site),
            "vue-tsc",
        )
    })?;
    step("the package in Node.js", || {
        run_shown(
            command("npm").args(["--silent", "test"]).current_dir(&site),
            "the package's tests",
        )
    })?;
    for (name, enabled) in SITES {
        step(format_args!("the Vue site, {name}"), || {
            let mut build = command("npm");
            build
                .args(["run", "--silent", "build", "--"])
                .arg(format!("dist/{name}"))
                .current_dir(&site)
                .env("VITE_MATRIX_CHAT_API_URL", api_url);
            match enabled {
                Some(value) => build.env("VITE_MATRIX_CHAT_ENABLED", value),
                None => build.env_remove("VITE_MATRIX_CHAT_ENABLED"),
            };
            run_shown(&mut build, "vite build")
        })?;
    }
    Ok(())
}
