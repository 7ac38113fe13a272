import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { environment } from "./environment.ts";

/** The origin of the chat's server in the sites' sources. */
const PRODUCTION = "https://matrix-chat.webdevelop.pro";

const HOSTS = fileURLToPath(new URL("../hosts", import.meta.url));

const MEDIA_TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
};

/** A static website that embeds the widget. */
export interface Site {
  /** Directories by the paths under which they are served. The first match counts. */
  directories: [path: string, directory: string][];
  contentSecurityPolicy: string;
}

/**
 * The Vue site, as `cargo xtask test e2e` has built it with one of its settings, or with vite-ssg.
 */
export function vueSite(name: "enabled" | "near-miss" | "unset" | "ssg"): Site {
  return {
    directories: [["/", join(HOSTS, "vue/dist", name)]],
    contentSecurityPolicy: policy("'self'"),
  };
}

/**
 * The React site: with the package's component, or with the element, which is defined early or
 * late.
 */
export function reactSite(): Site {
  const built = join(HOSTS, "react/dist");
  return {
    directories: ["/element", "/early", "/no-api", "/bare", "/"].map((path) => [path, built]),
    contentSecurityPolicy: policy("'self'"),
  };
}

/**
 * The SvelteKit site. Its pages contain scripts, and an element whose style announces the next page
 * to screen readers.
 */
export function svelteSite(): Site {
  return {
    directories: [["/", join(HOSTS, "svelte/dist")]],
    contentSecurityPolicy: policy("'self' 'unsafe-inline'", "", "'unsafe-inline'"),
  };
}

/** The Nuxt site. Its pages contain scripts and check for new versions of the site. */
export function nuxtSite(): Site {
  return {
    directories: [["/", join(HOSTS, "nuxt/.output/public")]],
    contentSecurityPolicy: policy("'self' 'unsafe-inline'", "'self'"),
  };
}

/**
 * The HTML pages: one loads the widget from the chat's server, the other serves the package's files
 * itself.
 */
export function htmlSite(widgetFrom: "server" | "package"): Site {
  return {
    directories: [
      ["/chat/", join(HOSTS, "vue/node_modules/@webdevelop-pro/matrix-support-chat")],
      ["/", join(HOSTS, "html")],
    ],
    contentSecurityPolicy: policy(widgetFrom === "server" ? origin() : "'self'"),
  };
}

/** Serves a site on the host's origin. Returns a function that ends this. */
export async function serve(site: Site): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", environment.hostUrl());
    read(site, pathname).then(
      ({ body, name }) => {
        response.setHeader("content-type", MEDIA_TYPES[extname(name)] ?? "text/plain");
        response.setHeader("content-security-policy", site.contentSecurityPolicy);
        response.end(body);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  const { port } = new URL(environment.hostUrl());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), "localhost", resolve);
  });
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

async function read(site: Site, pathname: string): Promise<{ body: Buffer | string; name: string }> {
  const directory = site.directories.find(([path]) => pathname.startsWith(path));
  if (!directory) throw new Error(`nothing is served under ${pathname}`);
  const [path, root] = directory;
  const page = extname(pathname) ? pathname : join(pathname, "index.html");
  const name = join(root, page.slice(path.length));
  const body = await readFile(name);
  if (extname(name) !== ".html") return { body, name };
  return { body: body.toString().replaceAll(PRODUCTION, origin()), name };
}

function origin(): string {
  return new URL(environment.baseUrl()).origin;
}

/** The strictest policy under which the widget works. */
function policy(scripts: string, more = "", styles = ""): string {
  return [
    `default-src ${more || "'none'"}`,
    `script-src ${scripts} 'wasm-unsafe-eval'`,
    `style-src 'self' ${styles}`,
    `connect-src ${origin()} ${more}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
