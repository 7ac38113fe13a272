// The script that a page loads. It defines <matrix-support-chat>.
import "./element.js";
