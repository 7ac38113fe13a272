/** A value that must not appear in some place. */
export interface Secret {
  /** A name for it, where the value itself must not be printed. */
  name: string;
  value: string;
}

/** Access tokens of Synapse, of whatever user. */
const ACCESS_TOKEN = /\bsy[tr]_[A-Za-z0-9]+_[A-Za-z0-9]{10,}/;

/**
 * The names of the secrets that the text or file contains, in clear or in a reversible encoding.
 */
export function found(place: Buffer | string, secrets: Secret[]): string[] {
  const bytes = Buffer.from(place);
  const names = secrets
    .filter(({ value }) => spellings(value).some((spelling) => bytes.includes(spelling)))
    .map(({ name }) => name);
  if (ACCESS_TOKEN.test(bytes.toString("latin1"))) names.push("a Matrix access token");
  return names;
}

function spellings(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    encodeURIComponent(value),
    // As it appears in a JSON string.
    JSON.stringify(value).slice(1, -1),
    bytes.toString("hex"),
    bytes.toString("base64").replace(/=+$/, ""),
    bytes.toString("base64url"),
    // The bytes of a URL-safe token, as Postgres prints them.
    ...(/^[\w-]{22,}$/.test(value) ? [Buffer.from(value, "base64url").toString("hex")] : []),
  ];
}
