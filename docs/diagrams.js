// Draws the Mermaid diagrams of a page, with the script that `cargo xtask docs` puts beside the site. Without it, readers see their source.
const diagrams = document.querySelectorAll("code.language-mermaid");
if (diagrams.length > 0) {
  const script = document.createElement("script");
  // mdBook sets `path_to_root` on every page.
  script.src = `${path_to_root}mermaid.min.js`;
  script.onload = () => {
    for (const code of diagrams) {
      const drawn = document.createElement("div");
      drawn.className = "mermaid";
      drawn.textContent = code.textContent;
      code.parentElement.replaceWith(drawn);
    }
    const isDark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
    mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "default" });
    mermaid.run();
  };
  document.head.append(script);
}
