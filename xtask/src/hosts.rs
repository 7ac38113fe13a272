//! Websites that embed the widget, as front-end developers would: `end2end/hosts`.

use std::path::Path;
use std::process::Command;

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

/// Installs the package into each site as its users do, checks the package and its types, and builds
/// the sites.
pub(crate) fn build(layout: &Layout, package: &Path, api_url: &str) -> Result<()> {
    let hosts = layout.root.join("end2end").join("hosts");
    let vue = hosts.join("vue");
    install(layout, &vue, package)?;
    let directory = vue.join("node_modules/@webdevelop-pro/matrix-support-chat");
    step("the package, for publint and arethetypeswrong", || {
        let log = layout.logs().join("package-checks.log");
        let mut publint = npm(&vue, &["exec", "--", "publint", "--strict"]);
        run_logged(publint.arg(directory), "publint", &log)?;
        let mut attw = npm(&vue, &["exec", "--", "attw", "--profile", "esm-only"]);
        run_logged(attw.arg(package), "arethetypeswrong", &log)
    })?;
    step("the Vue site's types", || {
        run_shown(&mut npm(&vue, &["run", "--silent", "check"]), "vue-tsc")
    })?;
    step("the package in Node.js", || {
        run_shown(&mut npm(&vue, &["--silent", "test"]), "the package's tests")
    })?;
    for (name, enabled) in SITES {
        step(format_args!("the Vue site, {name}"), || {
            let mut build = npm(&vue, &["run", "--silent", "build", "--"]);
            build
                .arg(format!("dist/{name}"))
                .env("VITE_MATRIX_CHAT_API_URL", api_url);
            match enabled {
                Some(value) => build.env("VITE_MATRIX_CHAT_ENABLED", value),
                None => build.env_remove("VITE_MATRIX_CHAT_ENABLED"),
            };
            run_shown(&mut build, "vite build")
        })?;
    }

    let react = hosts.join("react");
    install(layout, &react, package)?;
    step("the React site", || {
        run_shown(&mut npm(&react, &["run", "--silent", "check"]), "tsc")?;
        let mut build = npm(&react, &["run", "--silent", "build"]);
        run_shown(
            build.env("VITE_MATRIX_CHAT_API_URL", api_url),
            "vite build of the React site",
        )
    })?;

    let nuxt = hosts.join("nuxt");
    install(layout, &nuxt, package)?;
    step("the Nuxt site", || {
        let mut build = npm(&nuxt, &["run", "--silent", "build"]);
        build
            .env("NUXT_PUBLIC_CHAT_ENABLED", "true")
            .env("NUXT_PUBLIC_CHAT_API_URL", api_url);
        run_logged(&mut build, "nuxt generate", &layout.logs().join("nuxt.log"))
    })
}

fn npm(site: &Path, args: &[&str]) -> Command {
    let mut npm = command("npm");
    npm.args(args).current_dir(site);
    npm
}

fn install(layout: &Layout, site: &Path, package: &Path) -> Result<()> {
    let name = site.file_name().unwrap_or_default().to_string_lossy();
    step(format_args!("packages of the site `{name}`"), || {
        node::ci(layout, site)?;
        // Of the same version as before, but not the same; and no lock file could know it.
        files::remove_dir(&site.join("node_modules/@webdevelop-pro"))?;
        let install = ["install", "--no-save", "--no-audit", "--no-fund"];
        run_logged(
            npm(site, &install).arg(package),
            "installing the packed widget",
            &layout.logs().join(format!("npm-hosts-{name}.log")),
        )
    })
}
