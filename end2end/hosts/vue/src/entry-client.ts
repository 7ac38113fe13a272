import { createWebHistory } from "vue-router";

import { createSite } from "./app";
import "./style.css";

const { app, router } = createSite(createWebHistory());
await router.isReady();
app.mount("#app");
