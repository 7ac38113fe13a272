import { expect, test } from "../fixtures.ts";

const ATTACKS = [
  `<img src="/x-from-chat" onerror="document.title='executed'">`,
  `<script>document.title='executed'</script>`,
  `<svg onload="document.title='executed'"><a href="javascript:document.title='executed'">link</a></svg>`,
  `</p></div><iframe srcdoc="<script>parent.document.title='executed'</script>"></iframe>`,
];

test("markup in either direction is text, and nothing in it runs", async ({ visitor, alice }) => {
  await visitor.beginConversation(ATTACKS.join("\n"));
  const roomId = await alice.acceptInvite();

  const answers = ATTACKS.map((attack) => `staff: ${attack}`);
  for (const answer of answers) await alice.send(roomId, answer);
  await alice.sendFormatted(roomId, "a fallback", `<b>plain words</b> ${ATTACKS.join(" ")}`);
  await visitor.reads("plain words");
  for (const answer of answers) await visitor.reads(answer);

  const title = await visitor.page.title();
  await visitor.reload();
  await visitor.openChat();
  await visitor.reads(ATTACKS.join("\n"));
  await visitor.reads("plain words");

  await expect(visitor.transcript.locator("img, script, svg, iframe, a")).toHaveCount(0);
  expect(title).not.toBe("executed");
  expect(await visitor.page.title()).toBe(title);
  const fetched = visitor.traffic.requests.map((request) => request.url());
  expect(fetched.filter((url) => url.includes("x-from-chat"))).toEqual([]);
});
