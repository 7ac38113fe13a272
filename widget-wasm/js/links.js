// A scheme, and what an address may be made of: any ASCII but quotes, brackets of markup and the like, and letters,
// digits and marks of all scripts; no other punctuation, no invisible characters.
const ADDRESS = /\b(?:https?:\/\/|mailto:)(?:[^\0-\x20"<>\\^`{|}\x7f-\u{10ffff}]|[\p{L}\p{N}\p{M}])+/giu;

/** Without what more likely belongs to the sentence: a bracket that nothing in it opens, and what stands at the end. */
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

/** The link of an address; nothing where what is read is not where it goes. */
function linkTo(typed) {
  try {
    const { href, host, pathname, username, password } = new URL(typed);
    // `https://bank.example@evil.example` is not the bank's.
    if (username || password || !(host || pathname)) return undefined;
    const link = document.createElement("a");
    link.href = href;
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    // As it is followed, where that is not what was typed: letters that look like others are `xn--` in a host.
    const same = [href, decodeURI(href)].some((it) => it === typed || it === `${typed}/`);
    link.textContent = same ? typed : href;
    return link;
  } catch {
    return undefined;
  }
}

/** Fills a node with a text, in which addresses are links. */
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
