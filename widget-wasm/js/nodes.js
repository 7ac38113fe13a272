// Makes and changes the nodes of the offers.

/** Adds an element with properties to a parent. */
export function make(parent, tag, properties = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  parent.append(node);
  return node;
}

/** Sets a text only if it differs, because a live region would announce it again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
