// A scheme, followed by the characters that an address may contain: ASCII except quotes, brackets
// of markup and the like, and letters, digits and marks of all scripts. Other punctuation and
// invisible characters are excluded.
const ADDRESS = /\b(?:https?:\/\/|mailto:)(?:[^\0-\x20"<>\\^`{|}\x7f-\u{10ffff}]|[\p{L}\p{N}\p{M}])+/giu;

/**
 * Removes characters at the end that more likely belong to the sentence, such as punctuation and
 * brackets that nothing in the address opens.
 */
function ofSentence(found) {
  let depth = 0;
  let end = 0;
  for (const it of found) {
    if ("([".includes(it)) depth += 1;
    if (")]".includes(it) && (depth -= 1) < 0) break;
    end += it.length;
  }
  while (".,:;!?'*_~".includes(found[end - 1])) end -= 1;
  return found.slice(0, end);
}

/** Returns the link for an address; nothing if it would lead somewhere else than its text says. */
function linkTo(typed) {
  try {
    const { href, host, pathname, username, password } = new URL(typed);
    // `https://bank.example@evil.example` does not lead to the bank.
    if (username || password || !(host || pathname)) return undefined;
    const link = document.createElement("a");
    link.href = href;
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    // Shows the address as the browser follows it if that differs from the text. Letters that look
    // like others appear as `xn--` in a host.
    const same = [href, decodeURI(href)].some((it) => it === typed || it === `${typed}/`);
    link.textContent = same ? typed : href;
    return link;
  } catch {
    return undefined;
  }
}

/** Fills a node with a text whose addresses become links. */
export function fill(node, text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const typed = ofSentence(found);
    const link = linkTo(typed);
    if (link) {
      parts.push(text.slice(end, index), link);
      end = index + typed.length;
    }
  }
  node.replaceChildren(...parts, text.slice(end));
}
