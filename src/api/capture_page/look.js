// How a provider has the page look, what it asks people to agree to, and where the page leads afterwards.

import { moment, put } from './texts.js';

const root = document.documentElement;
const at = (id) => document.getElementById(id);

let look = {};

/** Shows the page as this provider's. */
export function wear(given) {
  look = given;
  at('provider').hidden = !look.name && !look.logo;
  at('name').textContent = look.name ?? '';
  at('logo').hidden = !look.logo;
  if (look.logo) {
    at('logo').src = look.logo;
  }
  if (look.colour) {
    root.style.setProperty('--button', look.colour);
    root.style.setProperty('--button-ink', look.textColour);
  }
  at('asked-by').hidden = !look.name;
  put(at('asked-by'), 'askedBy', { name: look.name ?? '' });
  at('consent').hidden = !look.consent;
  const back = at('back');
  if (look.returnUrl) {
    back.href = look.returnUrl;
    put(back, look.name ? 'back' : 'backUnnamed', { name: look.name ?? '' });
  }
  translate();
}

/** What follows the language and is no text of the page. */
export function translate() {
  if (look.expires) {
    put(at('kept'), look.imageStorageEnabled ? 'keptPicture' : 'keptFilm', { time: moment(look.expires) });
  }
  if (look.consent) {
    const texts = look.consent.texts;
    const inLanguage = (wanted) => texts.find(({ language }) => language.split('-')[0] === wanted);
    const told = inLanguage(root.lang) ?? inLanguage('en') ?? texts[0];
    at('consent-text').textContent = told.text;
    at('consent-text').lang = told.language;
    // A text may stand in another script than the page.
    at('consent-text').dir = 'auto';
  }
}

/** The version of the text that the person has agreed to; empty where nothing is asked. */
export function consentVersion() {
  return look.consent?.version ?? '';
}

/** False, and says so, while the person has not agreed to what is asked. */
export function isAgreed() {
  const isMissing = Boolean(look.consent) && !at('accepted').checked;
  put(at('accept-first'), isMissing ? 'acceptFirst' : '');
  at('accepted').setAttribute('aria-invalid', String(isMissing));
  if (isMissing) {
    at('accepted').focus();
  }
  return !isMissing;
}

/** Whether there is an address that the page leads to in the end. */
export function leadsBack() {
  return Boolean(look.returnUrl);
}
