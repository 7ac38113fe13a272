// The same site, rendered by vite-ssg.
import { ViteSSG } from "vite-ssg";

import App from "../src/App.vue";
import { routes } from "../src/app";
import "../src/style.css";

export const createApp = ViteSSG(App, { routes });
