// Draws the Mermaid diagrams of a page, with the script that `cargo xtask docs` puts beside the site. Without it, readers see their source.
const diagrams = [...document.querySelectorAll("code.language-mermaid")];

async function draw() {
  const isDark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "default" });
  for (const [index, code] of diagrams.entries()) {
    const drawn = document.createElement("div");
    const { svg } = await mermaid.render(`diagram-${index}`, code.textContent);
    drawn.innerHTML = svg;
    code.parentElement.replaceWith(drawn);
  }
}

if (diagrams.length > 0) {
  const script = document.createElement("script");
  // mdBook sets `path_to_root` on every page.
  script.src = `${path_to_root}mermaid.min.js`;
  script.onload = draw;
  document.head.append(script);
}
