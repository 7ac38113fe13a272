//! Websites that embed the widget, as front-end developers would: `end2end/hosts`.

use crate::node;
use crate::prelude::*;

/// Installs the package into each site as its users do, and lets the site check and build itself by its script `ready`.
pub(crate) fn build(layout: &Layout, package: &Path, api_url: &str) -> Result<()> {
    for name in ["vue", "react", "nuxt"] {
        let site = node::packages(layout, &format!("end2end/hosts/{name}"))?;
        step(format_args!("the site `{name}`"), || {
            // Of the same version as before, but not the same; and no lock file could know it.
            files::remove_dir(&site.join("node_modules/@webdevelop-pro"))?;
            let mut install = line("npm install --no-save --no-audit --no-fund");
            let log = layout.logs().join(format!("host-{name}-install.log"));
            install.arg(package).current_dir(&site);
            run_logged(install, "installing the packed widget", &log)?;
            let mut ready = line("npm run --silent ready");
            ready
                .current_dir(&site)
                .env("PACKAGE", package)
                .env("VITE_MATRIX_CHAT_API_URL", api_url)
                .env("NUXT_PUBLIC_CHAT_API_URL", api_url);
            run_shown(ready, "checking and building the site")
        })?;
    }
    Ok(())
}
