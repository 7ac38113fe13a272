const NAME = "matrix-support-chat";

/** The tabs' channel, where the browser has one and locks. */
function open() {
  try {
    return navigator.locks && new BroadcastChannel(NAME);
  } catch {
    return undefined;
  }
}

/**
 * Among the tabs that wait for news of one conversation, one polls, and the others receive its
 * answer. Over HTTP/1.1, a browser opens six connections to a server, and waiting tabs would use up
 * all of them.
 */
export async function share(url, signal, ask) {
  const channel = open();
  // Alone, the tab asks for itself.
  if (!channel) return ask();
  const [conversation, query] = url.split("?");
  try {
    return await new Promise((resolve, reject) => {
      let isOver = false;
      channel.onmessage = ({ data }) => {
        if (data.conversation !== conversation) return;
        isOver = true;
        // An answer for another cursor only shows that there is news. An empty result makes this
        // tab poll for itself.
        const [text, init] = data.query === query ? data.answer : ['{"messages":[]}'];
        resolve(new Response(text, init));
      };
      const turn = async () => {
        if (isOver) return;
        const answer = await ask();
        const { status } = answer;
        const text = await answer.clone().text();
        const headers = [...answer.headers];
        channel.postMessage({ conversation, query, answer: [text, { status, headers }] });
        resolve(answer);
      };
      // A browser that blocks all cookies may refuse the lock.
      const alone = (error) => (signal.aborted ? reject(error) : turn().catch(reject));
      const inTurn = async () =>
        navigator.locks.request(`${NAME} ${conversation}`, { signal }, () => turn().catch(reject));
      inTurn().catch(alone);
    });
  } finally {
    channel.close();
  }
}
