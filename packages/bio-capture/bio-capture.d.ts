/** The person's progress, as in `data-state` of the capture page. */
export type CaptureState = 'start' | 'ready' | 'recording' | 'sending' | 'waiting' | 'end';

/** The outcome of the check, as in `replay-liveness-metadata`. Ask your own server for the signed result. */
export interface Finished {
  status: 'SUCCESS' | 'FAILED' | 'SPOOF' | 'TIMEOUT' | 'ERROR';
  /** True if the page offers the person another attempt. */
  canRepeat: boolean;
}

export interface BioCaptureEvents {
  ready: CustomEvent<object>;
  state: CustomEvent<{ state: CaptureState }>;
  finished: CustomEvent<Finished>;
  closed: CustomEvent<object>;
}

export class BioCapture extends HTMLElement {
  /** The address of the capture page, with the session's id and a capture token. */
  src: string;
  addEventListener<K extends keyof BioCaptureEvents>(type: K, listener: (event: BioCaptureEvents[K]) => void): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'bio-capture': BioCapture;
  }
}
