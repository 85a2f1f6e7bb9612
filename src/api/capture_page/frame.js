// What the page tells the page that it is embedded in: messages of the kind `{ source: 'bio-capture', type, … }`.

/** True in a frame of another page. */
export const isEmbedded = window.parent !== window;

/** Tells what has happened: `ready`, `state`, `finished` or `closed`, and more about it. */
export function tell(type, more = {}) {
  if (isEmbedded) {
    // The policy of this page has browsers show it to the provider's own origins alone, so that nobody else can listen.
    window.parent.postMessage({ source: 'bio-capture', type, ...more }, '*');
  }
}
