/** Brings the icons into the document, once, so that they stay while the network does not. */
export async function loadIcons() {
  const answer = await fetch('/icons/sprite.svg');
  if (!answer.ok) return;
  const sprite = new DOMParser().parseFromString(await answer.text(), 'image/svg+xml').documentElement;
  sprite.setAttribute('hidden', '');
  sprite.setAttribute('aria-hidden', 'true');
  document.body.append(document.importNode(sprite, true));
}
