// Messages to the page that embeds this one, in the form `{ source: 'bio-capture', type, … }`.

/** True in a frame of another page. */
export const isEmbedded = window.parent !== window;

/** Sends an event (`ready`, `state`, `finished` or `closed`) with its details. */
export function tell(type, more = {}) {
  if (isEmbedded) {
    // The policy of this page allows only the provider's own origins to embed it, so nobody else receives the message.
    window.parent.postMessage({ source: 'bio-capture', type, ...more }, '*');
  }
}
