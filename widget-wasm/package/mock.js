// A mock of the chat's server that runs in the page or in a unit test, for Storybook, Vitest and
// Jest.

const BASE = "/v1/support-chat";

/**
 * Answers the requests to the API at `apiUrl` from now on, by replacing `globalThis.fetch`. All
 * other requests go through.
 */
export function mockSupportChat({ apiUrl, reply, availability = { open: true } } = {}) {
  const original = globalThis.fetch;
  const api = `${String(apiUrl).replace(/\/+$/, "")}${BASE}`;
  const messages = [];
  const requests = [];
  const ids = new Map();
  let isClosed = false;
  let fault;

  const add = (message) => {
    const added = { id: `m${messages.length + 1}`, createdAt: new Date().toISOString(), ...message };
    messages.push(added);
    return added;
  };
  const accept = (key, body) => {
    const known = ids.get(key);
    if (known) return known;
    const { id, createdAt } = add({ sender: "visitor", body, delivery: "delivered" });
    const accepted = { messageId: id, createdAt };
    if (key) ids.set(key, accepted);
    const answer = reply?.(body);
    if (typeof answer === "string") add({ sender: "staff", body: answer });
    return accepted;
  };
  const answer = (status, json) =>
    new Response(json && JSON.stringify(json), {
      status,
      headers: { "content-type": `application/${status < 400 ? "json" : "problem+json"}` },
    });
  const problem = (status, code) => answer(status, { type: "about:blank", title: code, status, code });

  function play(method, path, headers, body) {
    const key = headers.get("idempotency-key");
    const [, id, operation] = path.pathname.slice(path.pathname.indexOf(BASE) + BASE.length + 9).split("/");
    if (path.pathname.endsWith("/availability")) return answer(200, availability);
    if (id === "resume") return answer(201, { sessionId: "mock", token: "mock", messages: [] });
    if (id === undefined && method === "POST") {
      if (!ids.has(key)) {
        isClosed = false;
        messages.length = 0;
      }
      return answer(201, { sessionId: "mock", token: "mock", messages: [], ...accept(key, body.initialMessage) });
    }
    if (operation === "rating") return answer(204);
    if (operation === "transcript") {
      const text = messages.map(({ sender, body }) => `${sender}: ${body}\n`).join("");
      return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
    }
    if (operation === "close") {
      isClosed = true;
      return answer(204);
    }
    if (isClosed) return problem(410, "session_closed");
    if (operation === "messages" && method === "POST") return answer(201, accept(key, body.body));
    if (operation === "messages") {
      const after = path.searchParams.get("after");
      return answer(200, { messages: messages.slice(messages.findIndex((it) => it.id === after) + 1) });
    }
    return answer(204);
  }

  globalThis.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (!url.startsWith(api)) return original(input, init);
    const request = new Request(input, init);
    const { method, headers } = request;
    const text = await request.text();
    const body = text ? JSON.parse(text) : undefined;
    requests.push({ method, url, body });
    if (fault === "unreachable") throw new TypeError("the mock API is unreachable");
    if (fault) return problem(fault.status, fault.code);
    return play(method, new URL(url), headers, body);
  };

  return {
    requests,
    messages,
    /** Adds a reply of staff. */
    reply: (body) => add({ sender: "staff", body }),
    /**
     * Makes every request fail from now on: `"unreachable"`, or a problem with this status and
     * code.
     */
    fail: (how) => (fault = how),
    /** Ends the failure. */
    mend: () => (fault = undefined),
    /** Restores the page's own `fetch`. */
    restore: () => (globalThis.fetch = original),
  };
}
