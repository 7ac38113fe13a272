import { createSSRApp, type App as VueApp } from "vue";
import { createRouter, type RouteRecordRaw, type Router, type RouterHistory } from "vue-router";

import App from "./App.vue";
import AboutPage from "./pages/AboutPage.vue";
import LandingPage from "./pages/LandingPage.vue";

export const routes: RouteRecordRaw[] = [
  { path: "/", component: LandingPage },
  { path: "/about", component: AboutPage },
];

/** Creates the site, for a browser or for the prerenderer. */
export function createSite(history: RouterHistory): { app: VueApp; router: Router } {
  const router = createRouter({ history, routes });
  const app = createSSRApp(App).use(router);
  return { app, router };
}
