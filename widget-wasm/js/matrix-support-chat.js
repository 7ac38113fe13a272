// What a page loads as a script: it makes <matrix-support-chat> known.
import "./element.js";
