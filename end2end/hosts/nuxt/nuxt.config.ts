export default defineNuxtConfig({
  compatibilityDate: "2026-01-01",
  telemetry: false,
  ssr: true,
  experimental: { payloadExtraction: false },
  // One page, rendered when the site is built.
  nitro: { prerender: { routes: ["/"], crawlLinks: false } },
  runtimeConfig: { public: { chatEnabled: "", chatApiUrl: "" } },
});
