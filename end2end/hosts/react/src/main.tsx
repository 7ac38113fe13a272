import { defineMatrixSupportChat } from "@webdevelop-pro/matrix-support-chat";
import { SupportChat } from "@webdevelop-pro/matrix-support-chat/react";
import { type ReactNode, useState } from "react";
import { createRoot } from "react-dom/client";

const apiUrl: string = import.meta.env["VITE_MATRIX_CHAT_API_URL"] ?? "";
const contact = <a href={`${apiUrl}/support`}>Write to us</a>;

/** With the package's component. */
function WithComponent(): ReactNode {
  const [open, setOpen] = useState(false);
  const [messages, setMessages] = useState(0);
  return (
    <>
      <button type="button" onClick={() => setOpen(!open)}>
        {open ? "Hide the chat" : "Ask a person"}
      </button>
      <p role="status">{messages > 0 && `${messages} from us`}</p>
      <SupportChat
        apiUrl={apiUrl}
        messages={{ status: "From React" }}
        open={open}
        onOpenChange={setOpen}
        onMessageReceived={() => setMessages((count) => count + 1)}
      >
        {contact}
      </SupportChat>
    </>
  );
}

/** With the element itself: React writes what its class has no property for as an attribute. */
function WithElement(): ReactNode {
  const [isSent, setSent] = useState(false);
  return (
    <>
      <p role="status">{isSent && "Sent"}</p>
      <matrix-support-chat
        apiUrl={apiUrl}
        api-url={apiUrl}
        enabled
        visitorName="Ada"
        messages={{ status: "From React" }}
        onsupport-chat-message-sent={() => setSent(true)}
      >
        {contact}
      </matrix-support-chat>
    </>
  );
}

const root = createRoot(document.querySelector("#app") ?? document.body);
const { pathname } = location;
if (pathname.startsWith("/element")) await defineMatrixSupportChat();
root.render(
  <main>
    <h1>Tokenize real-world assets</h1>
    {pathname === "/" && <WithComponent />}
    {/^\/(element|early)/.test(pathname) && <WithElement />}
    {pathname.startsWith("/bare") && <SupportChat apiUrl={apiUrl} />}
    {pathname.startsWith("/no-api") && <SupportChat apiUrl="">{contact}</SupportChat>}
  </main>,
);
if (pathname.startsWith("/early")) setTimeout(defineMatrixSupportChat, 200);

// Wrong names do not compile.
export const WRONG = [
  // @ts-expect-error no API
  <SupportChat />,
  // @ts-expect-error no such property
  <SupportChat apiUrl={apiUrl} token="secret" />,
  // @ts-expect-error no such corner
  <matrix-support-chat position="top" />,
  // @ts-expect-error no such text
  <matrix-support-chat messages={{ lancher: "Ask us" }} />,
];
