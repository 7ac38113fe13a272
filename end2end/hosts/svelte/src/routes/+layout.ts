// Every page is rendered when the site is built.
export const prerender = true;
