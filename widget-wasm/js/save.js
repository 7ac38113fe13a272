// The conversation as a file.

/** Has the browser save the transcript, and says whether there was one. */
export async function save(offers) {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const response = await offers.request("GET", `transcript?timeZone=${encodeURIComponent(timeZone)}`);
  // What comes as anything else is the page of something on the way.
  const isText = response.headers.get("content-type")?.startsWith("text/plain");
  if (!response.ok || !isText) return false;
  // Some browsers follow no link that is not on the page.
  const link = offers.make(offers.panel, "a", {
    href: URL.createObjectURL(await response.blob()),
    download: `conversation-${new Date().toISOString().slice(0, 10)}.txt`,
    hidden: true,
  });
  link.click();
  link.remove();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
