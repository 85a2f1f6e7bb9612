// All texts of the page, in the chosen language.
//
// An element's `data-text` is the name of its text, and `data-label` the name of its label: a change of language fills
// in all of them again.

const root = document.documentElement;
let texts = {};

/** Returns the text of this name, with its placeholders in braces filled in. */
export function text(name, values = {}) {
  return Object.entries(values).reduce((filled, [place, value]) => filled.replaceAll(`{${place}}`, value), texts[name] ?? '');
}

/** Shows a text; an empty name shows none. */
export function put(element, name, values = {}) {
  const filled = text(name, values);
  element.dataset.text = name;
  element.dataset.values = JSON.stringify(values);
  // Screen readers announce a live region whenever it is written.
  if (element.textContent !== filled) {
    element.textContent = filled;
  }
}

/** Formats a moment in the language of the page, for a placeholder of another text. */
export function moment(iso) {
  return new Intl.DateTimeFormat(root.lang, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(iso));
}

/** Switches the whole page to this language. */
export async function speak(language) {
  texts = await (await fetch(`/capture/texts/${language}.json`)).json();
  root.lang = language;
  root.dir = texts.direction;
  for (const element of document.querySelectorAll('[data-text]')) {
    put(element, element.dataset.text, JSON.parse(element.dataset.values ?? '{}'));
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', text(element.dataset.label));
  }
}
