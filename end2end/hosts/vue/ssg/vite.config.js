import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

export default defineConfig({
  logLevel: "warn",
  plugins: [vue()],
  build: { outDir: "../dist/ssg", emptyOutDir: true },
  ssgOptions: { dirStyle: "nested" },
});
