import { setTimeout as delay } from "node:timers/promises";

import pg from "pg";

import { environment } from "./environment.ts";

/** Waits until the homeserver has been told everything, and no invitation is under way. */
export async function outboxEmpty(): Promise<void> {
  const deadline = Date.now() + 90_000;
  while ((await dumpDatabase("outbox")) !== "") {
    if (Date.now() > deadline) throw new Error("the outbox does not become empty");
    await delay(100);
  }
}

/** Makes a conversation and the desk so old that somebody should have answered by now. */
export async function waitAsLong(sessionId: string): Promise<void> {
  const client = new pg.Client({ connectionString: environment.databaseUrl() });
  await client.connect();
  try {
    await client.query("UPDATE desk_rooms SET found_at = found_at - interval '1 hour'");
    await client.query(
      "UPDATE messages SET created_at = created_at - interval '6 minutes' WHERE session_id = $1",
      [sessionId],
    );
  } finally {
    await client.end();
  }
}

/** Returns every row of every table of the support server's database, or of one table, as text. */
export async function dumpDatabase(only?: string): Promise<string> {
  const client = new pg.Client({ connectionString: environment.databaseUrl() });
  await client.connect();
  try {
    const tables = await client.query<{ schema: string; name: string }>(
      `SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
       WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
    );
    const dump: string[] = [];
    for (const { schema, name } of tables.rows) {
      if (only !== undefined && name !== only) continue;
      const table = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;
      const rows = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${table} AS t`);
      dump.push(...rows.rows.map(({ row }) => `${name}: ${row}`));
    }
    return dump.join("\n");
  } finally {
    await client.end();
  }
}
