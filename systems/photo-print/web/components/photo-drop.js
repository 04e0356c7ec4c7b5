import { element, icon } from '../dom.js';
import { Problem } from '../problem.js';
import { randomKey } from '../random-key.js';
import { linkTo } from '../router.js';
import { sentenceFor } from '../sentences.js';
import { notice } from './notice.js';
import { createUploadProgress } from './upload-progress.js';

const types = ['image/jpeg', 'image/png', 'image/webp'];
const maxBytes = 30 * 1024 * 1024;

/**
 * Where a photo comes in: taken with the camera, chosen, or dropped. Sends it and goes on to its print.
 * @param {import('../app.js').App} app
 * @param {AbortSignal} signal
 */
export function createPhotoDrop(app, signal) {
  const place = element('div', { class: 'photo-drop' });
  const problems = element('div', {});
  let isSending = false;

  /** @param {File} file @param {string} [idempotencyKey] the same for the same file, so that trying again keeps one photo */
  const send = async (file, idempotencyKey = randomKey()) => {
    problems.replaceChildren();
    const problem = problemOf(file);
    if (problem !== undefined) return showProblem(problem);
    const stopping = new AbortController();
    const leave = () => stopping.abort(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const progress = createUploadProgress(file, {
      announce: app.announce,
      onCancel: () => stopping.abort(new DOMException('The customer changed their mind.', 'AbortError')),
    });
    isSending = true;
    place.replaceChildren(progress.element);
    progress.focus();
    try {
      const options = { signal: stopping.signal, idempotencyKey, onProgress: progress.show };
      const photo = await app.api.upload('/photos', file, options);
      app.photos.remember(photo);
      app.images.remember(photo.photoId, file);
      app.announce('Your photo is here.');
      if (!signal.aborted) app.go(linkTo(`/photos/${photo.photoId}/print`));
    } catch (error) {
      if (signal.aborted) return;
      showInputs();
      if (stopping.signal.aborted) {
        app.announce('The upload was cancelled.');
        place.querySelector('input')?.focus();
      } else {
        showProblem(
          error,
          error instanceof Problem && error.isPassing ? () => void send(file, idempotencyKey) : undefined,
        );
      }
    } finally {
      isSending = false;
      signal.removeEventListener('abort', leave);
      progress.release();
    }
  };
  /** @param {unknown} error @param {() => void} [again] */
  const showProblem = (error, again) => {
    const action = again === undefined ? undefined : { action: { text: 'Try again', onclick: again } };
    problems.replaceChildren(notice(sentenceFor(error), action));
  };
  /** @param {FileList | null | undefined} files */
  const take = (files) => {
    const file = files?.[0];
    if (file !== undefined && !isSending) void send(file);
  };
  const showInputs = () => {
    place.replaceChildren(
      fileInput('Choose a photo', 'upload', take, { accept: types.join(',') }),
      fileInput('Take a photo', 'camera', take, { accept: 'image/*', capture: 'environment' }),
      element(
        'p',
        { class: 'soft small' },
        'JPEG, PNG or WebP, up to 30 MB.',
        element('span', { class: 'drop-hint' }, ' You can also drop it here.'),
      ),
    );
  };
  showInputs();
  acceptDrops(place, take, signal);
  return element('div', { class: 'stack' }, place, problems);
}

/** What can be known without sending anything. @param {File} file */
function problemOf(file) {
  if (!types.includes(file.type)) return new Problem('unsupported_media_type', { status: 415 });
  if (file.size > maxBytes) return new Problem('body_too_large', { status: 413 });
  return undefined;
}

/** @param {string} text @param {string} symbol @param {(files: FileList | null) => void} onFiles @param {Record<string, string>} attributes */
function fileInput(text, symbol, onFiles, attributes) {
  const input = element('input', {
    type: 'file',
    class: 'visually-hidden',
    ...attributes,
    onchange: () => onFiles(input.files),
  });
  const kind = attributes.capture === undefined ? undefined : 'quiet';
  return element(
    'label',
    { class: 'button file-button', 'data-kind': kind, 'data-source': symbol },
    icon(symbol),
    text,
    input,
  );
}

/**
 * Anywhere on the page: a browser would open a photo that misses its place, and leave.
 * @param {HTMLElement} place
 * @param {(files: FileList | undefined) => void} onFiles
 * @param {AbortSignal} signal
 */
function acceptDrops(place, onFiles, signal) {
  let depth = 0;
  /** @param {number} next */
  const mark = (next) => {
    depth = next;
    place.toggleAttribute('data-over', depth > 0);
  };
  // Entering a child is told before leaving its parent.
  document.addEventListener('dragenter', () => mark(depth + 1), { signal });
  document.addEventListener('dragleave', () => mark(depth - 1), { signal });
  document.addEventListener('dragover', (event) => event.preventDefault(), { signal });
  document.addEventListener(
    'drop',
    (event) => {
      event.preventDefault();
      mark(0);
      onFiles(event.dataTransfer?.files);
    },
    { signal },
  );
}
