import { expect, test } from "../fixtures.ts";

test("the playground plays the API, in every language and state", async ({ visitor }) => {
  const { page } = visitor;
  await visitor.visit("/playground");
  await visitor.openChat();
  await visitor.write("Hello");
  await visitor.send();
  await visitor.reads("You wrote: Hello");
  await page.getByRole("button", { name: "Staff reply" }).click();
  await visitor.reads("How can we help?");
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");
  await expect(page.getByRole("dialog")).toHaveAttribute("lang", "de");
  await page.getByRole("button", { name: "Ended" }).click();
  await expect(page.getByRole("textbox", { name: "Nachricht" })).toBeHidden();
  await page.getByRole("button", { name: "From the start" }).click();
  await expect(page.getByRole("dialog")).toBeHidden();
  expect(visitor.traffic.apiRequests()).toEqual([]);
});
