// Saves the conversation as a file.

/** Has the browser save the transcript, and returns whether there was one. */
export async function save(offers) {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const response = await offers.request("GET", `transcript?timeZone=${encodeURIComponent(timeZone)}`);
  // Another content type means that a proxy has answered.
  const isText = response.headers.get("content-type")?.startsWith("text/plain");
  if (!response.ok || !isText) return false;
  // Some browsers ignore a click on a link that is not in the document.
  const link = offers.make(offers.panel, "a", {
    href: URL.createObjectURL(await response.blob()),
    download: `conversation-${new Date().toISOString().slice(0, 10)}.txt`,
    hidden: true,
  });
  link.click();
  link.remove();
  // By then the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
