// <bio-capture src="https://HOST/capture?session=ID#TOKEN" lang="de"></bio-capture>
//
// Shows the capture page of a BioServer in a frame, and turns its messages into the events `ready`, `state`, `finished`
// and `closed`, whose `detail` holds the rest of the message.

const TYPES = ['ready', 'state', 'finished', 'closed'];
const HEIGHT = '46rem';

/** An element that lets a person make a capture. */
export class BioCapture extends HTMLElement {
  static observedAttributes = ['src', 'lang', 'label'];

  #frame;

  #hear = ({ source, origin, data }) => {
    // Any page may send messages: only those of our frame count, and only while it shows the server.
    const isOurs = this.#frame && source === this.#frame.contentWindow && origin === new URL(this.#frame.src).origin;
    if (isOurs && data?.source === 'bio-capture' && TYPES.includes(data.type)) {
      const { source: _, type, ...detail } = data;
      this.dispatchEvent(new CustomEvent(type, { detail }));
    }
  };

  /** The address of the capture page, with the session's id and a capture token. */
  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(address) {
    this.setAttribute('src', address);
  }

  connectedCallback() {
    window.addEventListener('message', this.#hear);
    this.#show();
  }

  disconnectedCallback() {
    window.removeEventListener('message', this.#hear);
    // The camera goes off with the frame.
    this.#frame?.remove();
    this.#frame = undefined;
  }

  attributeChangedCallback(_, before, now) {
    if (this.isConnected && before !== now) {
      this.#show();
    }
  }

  #show() {
    this.#frame?.remove();
    this.#frame = undefined;
    if (!this.src) {
      return;
    }
    const address = new URL(this.src, document.baseURI);
    if (this.lang) {
      address.searchParams.set('lang', this.lang);
    }
    const frame = document.createElement('iframe');
    frame.allow = `camera ${address.origin}; autoplay ${address.origin}`;
    frame.title = this.getAttribute('label') ?? 'Face check';
    frame.src = address.href;
    Object.assign(frame.style, { border: '0', inlineSize: '100%', blockSize: '100%' });
    this.style.display ||= 'block';
    this.style.blockSize ||= HEIGHT;
    this.#frame = frame;
    this.append(frame);
  }
}

customElements.define('bio-capture', BioCapture);
