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

/** In a text of the page's own, words may be a link: `[words](address)`, whose address may be one of this site. */
const NAMED = /\[([^[\]]+)\]\(([^\s()]+(?:\([^\s()]*\)[^\s()]*)*)\)/gu;
const PROTOCOLS = ["http:", "https:", "mailto:"];

/** The link of an address; nothing where what is read is not where it goes. */
function linkTo(typed, words) {
  try {
    const base = words === undefined ? undefined : document.baseURI;
    const { href, host, pathname, username, password, protocol } = new URL(typed, base);
    if (!PROTOCOLS.includes(protocol)) return undefined;
    // `https://bank.example@evil.example` is not the bank's.
    if (username || password || !(host || pathname)) return undefined;
    const link = document.createElement("a");
    link.href = href;
    link.rel = "noopener noreferrer nofollow";
    link.target = "_blank";
    if (words !== undefined) {
      link.textContent = words;
      return link;
    }
    link.dir = "ltr";
    // As it is followed, where that is not what was typed: letters that look like others are `xn--` in a host.
    const same = [href, decodeURI(href)].some((it) => it === typed || it === `${typed}/`);
    link.textContent = same ? typed : href;
    return link;
  } catch {
    return undefined;
  }
}

/** A text in parts, with links in place of what of it is found to be one. */
function split(text, pattern, find) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    const [length, link] = find(found);
    if (link) {
      parts.push(text.slice(end, found.index), link);
      end = found.index + length;
    }
  }
  return [...parts, text.slice(end)];
}

const bareIn = (text) =>
  split(text, ADDRESS, ([found]) => {
    const typed = ofSentence(found);
    return [typed.length, linkTo(typed)];
  });
const namedIn = (text) => split(text, NAMED, ([found, words, address]) => [found.length, linkTo(address, words)]);

/** Fills a node with a text, in which addresses are links; in one of the page's own, words may be links, too. */
export function fill(node, text, isOfPage) {
  const parts = isOfPage ? namedIn(text) : [text];
  node.replaceChildren(...parts.flatMap((it) => (typeof it === "string" ? bareIn(it) : it)));
}
