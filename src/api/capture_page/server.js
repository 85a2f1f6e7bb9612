// The page's requests to the server.

/** A refusal of the server; status 0 means no answer at all. */
export class Refusal extends Error {
  constructor(status, code, retryAfter) {
    super(code);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

function refusal(status, text, retryAfter) {
  let code = '';
  try {
    code = JSON.parse(text).code;
  } catch {
    // The answer did not come from the server, but from an intermediary.
  }
  return new Refusal(status, code, Number(retryAfter) || 1);
}

/** One session, with the rights of its token. */
export class Session {
  constructor(prefix, id, token) {
    this.path = (version) => `${prefix}/${version}/bio-sessions/${encodeURIComponent(id)}`;
    this.authorization = `Bearer ${token}`;
  }

  async #ask(method, path) {
    let answer;
    try {
      answer = await fetch(path, { method, headers: { authorization: this.authorization } });
    } catch {
      throw new Refusal(0, '', 1);
    }
    if (!answer.ok) {
      throw refusal(answer.status, await answer.text(), answer.headers.get('retry-after'));
    }
    return answer.json();
  }

  /** Returns the page's look, and the address to which it returns. */
  look() {
    return this.#ask('GET', `${this.path('v2')}/capture-page`);
  }

  /** Returns the parameters of the check. */
  parameters() {
    return this.#ask('GET', `${this.path('v2')}/liveness-parameters`);
  }

  /** Begins the next attempt at the check, and returns its parameters. */
  attempt() {
    return this.#ask('POST', `${this.path('v2')}/liveness-attempts`);
  }

  /** Returns the check's status, its reason if the person may know it, and the number of the attempt. */
  standing() {
    return this.#ask('GET', `${this.path('v3')}/replay-liveness-metadata`);
  }

  /** Sends a sealed capture, and calls `tell` with the share sent, 0 to 1. */
  send(sealed, tell) {
    return new Promise((resolve, reject) => {
      // fetch does not report the progress of an upload.
      const request = new XMLHttpRequest();
      request.open('POST', `${this.path('v2')}/replay-liveness`);
      request.setRequestHeader('authorization', this.authorization);
      request.setRequestHeader('content-type', 'application/jose');
      request.upload.onprogress = ({ loaded, total }) => tell(total ? loaded / total : 0);
      request.onerror = () => reject(new Refusal(0, '', 1));
      request.onload = () => {
        const { status, responseText } = request;
        if (status === 202) {
          resolve();
        } else {
          reject(refusal(status, responseText, request.getResponseHeader('retry-after')));
        }
      };
      request.send(sealed);
    });
  }
}
