// What the page tells the page that it is embedded in: messages of the kind `{ source: 'bio-capture', type, … }`, to
// the origins that the operator has allowed, and to no others.

const allowed = document.documentElement.dataset.embedders.split(' ').filter(Boolean);

/** True in a frame of another page. */
export const isEmbedded = window.parent !== window;

/** Tells what has happened: `ready`, `state`, `finished` or `closed`, and more about it. */
export function tell(type, more = {}) {
  if (!isEmbedded) {
    return;
  }
  // Where the browser names the page around, one message is enough; elsewhere those to other origins are dropped.
  const around = window.location.ancestorOrigins?.[0];
  for (const origin of around ? allowed.filter((origin) => origin === around) : allowed) {
    window.parent.postMessage({ source: 'bio-capture', type, ...more }, origin);
  }
}
