import { Problem, toProblem } from './problem.js';

/**
 * POSTs a file and reports how much has left. XMLHttpRequest, because `fetch` tells nothing about a body on its way.
 * @param {string} path
 * @param {Blob} file
 * @param {object} options
 * @param {string} options.token
 * @param {string} options.idempotencyKey
 * @param {AbortSignal} options.signal
 * @param {(share: number) => void} options.onProgress 0–1
 * @returns {Promise<any>} the answer's JSON
 */
export function sendFile(path, file, { token, idempotencyKey, signal, onProgress }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal.addEventListener('abort', abort, { once: true });
    request.addEventListener('loadend', () => signal.removeEventListener('abort', abort));

    request.upload.addEventListener('progress', ({ loaded, total }) =>
      onProgress(total > 0 ? loaded / total : 0),
    );
    request.addEventListener('load', () => {
      const { status, responseText } = request;
      if (status < 200 || status >= 300) {
        reject(toProblem(status, responseText, request.getResponseHeader('retry-after')));
        return;
      }
      try {
        resolve(JSON.parse(responseText));
      } catch {
        reject(new Problem('no_problem_details', { status }));
      }
    });
    request.addEventListener('error', () => reject(new Problem('offline')));
    request.addEventListener('abort', () => reject(signal.reason));

    request.open('POST', path);
    request.setRequestHeader('authorization', `Bearer ${token}`);
    request.setRequestHeader('idempotency-key', idempotencyKey);
    request.setRequestHeader('content-type', file.type);
    request.send(file);
  });
}
