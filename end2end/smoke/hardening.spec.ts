import { get } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

import { expect, test } from "@playwright/test";

import { logIn } from "../support/matrix.ts";
import { deployment } from "./deployment.ts";

const CHAT = "/v1/support-chat";

test("nobody can register, not even as a guest", async () => {
  const account = { username: "smoke-stranger", password: "a long enough password" };
  for (const [kind, body] of [
    ["user", { ...account, auth: { type: "m.login.dummy" } }],
    ["guest", {}],
  ] as const) {
    const answer = await post(`${homeserver("client/v3/register")}?kind=${kind}`, body);
    expect(answer.status, kind).toBe(403);
  }
});

test("rooms are listed to nobody who is not logged in", async () => {
  const answer = await fetch(homeserver("client/v3/publicRooms"));
  expect(answer.status).toBe(401);
});

test("what is not for the public is not published", async ({ baseURL }) => {
  for (const path of [
    "/_synapse/admin/v1/server_version",
    "/_synapse/admin/v1/register",
    "/_synapse/admin/v2/users",
    "/_synapse//admin/v1/register",
    "/_matrix/client/../../_synapse/admin/v1/register",
    "/_matrix/client/..%2f..%2f_synapse/admin/v1/register",
    "/_synapse/metrics",
    "/_synapse/replication/",
    "/metrics",
  ]) {
    expect(await statusOf(deployment.homeserver, path), path).toBe(404);
  }
  for (const path of ["/metrics", "/healthz", "/readyz"]) {
    expect(await statusOf(baseURL ?? "", path), path).toBe(404);
  }
});

test("nothing listens but SSH and nginx", async ({ baseURL }) => {
  for (const host of [new URL(baseURL ?? "").hostname, new URL(deployment.homeserver).hostname]) {
    // The ports of PostgreSQL, Synapse, the chat and its admin listener.
    for (const port of [5432, 8008, 8090, 8091]) {
      expect(await accepts(host, port), `${host}:${port}`).toBe(false);
    }
  }
});

test("plain HTTP leads to HTTPS, and HTTPS is remembered", async ({ baseURL }) => {
  for (const url of [`${baseURL}/`, `${deployment.homeserver}/_matrix/client/versions`]) {
    const plain = await fetch(url.replace(/^https:/, "http:"), { redirect: "manual" });
    expect(plain.status, url).toBe(301);
    expect(plain.headers.get("location")).toBe(url);
    const secure = await fetch(url);
    expect(secure.status, url).toBe(200);
    expect(secure.headers.get("strict-transport-security"), url).toMatch(/max-age=\d{7,}/);
  }
});

test("HTTP/2 is spoken, over TLS of today", async ({ baseURL }) => {
  for (const url of [baseURL ?? "", deployment.homeserver]) {
    const { hostname, port } = new URL(url);
    const socket = connectTls({
      host: hostname,
      servername: hostname,
      port: Number(port || 443),
      ALPNProtocols: ["h2", "http/1.1"],
    });
    await new Promise((resolve, reject) => socket.on("secureConnect", resolve).on("error", reject));
    expect(socket.alpnProtocol, url).toBe("h2");
    expect(["TLSv1.2", "TLSv1.3"], url).toContain(socket.getProtocol());
    socket.destroy();
  }
});

test("Matrix clients find the homeserver", async () => {
  const answer = await fetch(`${deployment.homeserver}/.well-known/matrix/client`);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(await answer.json()).toEqual({ "m.homeserver": { base_url: deployment.homeserver } });
});

test("what is too large is refused", async ({ baseURL }) => {
  const { accessToken } = await logIn(deployment.staff, deployment.staffPassword);
  const upload = await fetch(homeserver("media/v3/upload"), {
    method: "POST",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "image/png" },
    body: new Uint8Array(2 * 1024 * 1024),
  });
  expect(upload.status).toBe(413);
  await post(homeserver("client/v3/logout"), {}, { authorization: `Bearer ${accessToken}` });

  const message = await post(`${baseURL}${CHAT}/sessions`, { initialMessage: "x".repeat(70_000) });
  expect(message.status).toBe(413);
  expect(await message.json()).toMatchObject({ status: 413, code: "payload_too_large" });
});

test("guessing passwords is slowed down, whatever the client says of itself", async () => {
  const guess = (attempt: number) =>
    post(
      homeserver("client/v3/login"),
      {
        type: "m.login.password",
        identifier: { type: "m.id.user", user: `smoke-stranger-${attempt}` },
        password: `guess ${attempt}`,
      },
      forged(attempt),
    );
  const refused = await firstRefusal(50, guess);
  expect(await refused.json()).toMatchObject({ errcode: "M_LIMIT_EXCEEDED" });
});

test("conversations are limited by address, whatever the client says of itself", async ({
  baseURL,
}) => {
  test.skip(!deployment.mayFlood, "SMOKE_MAY_FLOOD is not `yes`");
  const begin = (attempt: number) =>
    post(
      `${baseURL}${CHAT}/sessions`,
      { initialMessage: `Smoke test ${attempt}: please ignore.` },
      forged(attempt),
    );
  await isRateLimited(await firstRefusal(20, begin));
});

// This test comes last, because it exhausts the limit of this address.
test("requests are limited by address, whatever the client says of itself", async ({ baseURL }) => {
  const poll = (attempt: number) =>
    fetch(`${baseURL}${CHAT}/sessions/smoke/messages`, {
      headers: { authorization: "Bearer smoke", ...forged(attempt) },
    });
  await isRateLimited(await firstRefusal(2_000, poll, 20));
});

async function isRateLimited(refused: Response): Promise<void> {
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("content-type")).toBe("application/problem+json");
  expect(await refused.json()).toMatchObject({ status: 429, code: "rate_limited" });
}

/** Sends this many requests at a time until an answer is 429. */
async function firstRefusal(
  most: number,
  ask: (attempt: number) => Promise<Response>,
  atOnce = 1,
): Promise<Response> {
  for (let asked = 0; asked < most; asked += atOnce) {
    const attempts = Array.from({ length: atOnce }, (_, i) => ask(asked + i));
    const answers = await Promise.all(attempts);
    const refused = answers.find((answer) => answer.status === 429);
    await Promise.all(answers.filter((it) => it !== refused).map((it) => it.arrayBuffer()));
    if (refused) return refused;
  }
  throw new Error(`${most} requests, and none was refused`);
}

/** Headers by which a client claims another address, a different one each time. */
function forged(attempt: number): Record<string, string> {
  const address = `203.0.113.${attempt % 250}`;
  return {
    "x-forwarded-for": `${address}, 127.0.0.1`,
    "x-real-ip": address,
    forwarded: `for=${address}`,
  };
}

/** Requests a path without normalising it. */
function statusOf(origin: string, path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const request = get({ hostname, port, path }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    request.on("error", reject);
  });
}

/** Whether a port accepts connections. One that stays silent does not count. */
function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5_000 });
    const end = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on("connect", end(true)).on("error", end(false)).on("timeout", end(false));
  });
}

function homeserver(path: string): string {
  return `${deployment.homeserver}/_matrix/${path}`;
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}
