export default defineNuxtConfig({
  compatibilityDate: "2026-01-01",
  telemetry: false,
  ssr: true,
  experimental: { payloadExtraction: false },
  // The site has one page, which is rendered when it is built.
  nitro: { prerender: { routes: ["/"], crawlLinks: false } },
  runtimeConfig: { public: { chatEnabled: "", chatApiUrl: "" } },
});
