import {
  type Binary,
  isBinary,
  type Operation,
  type Schema,
  takesJsonBody,
  toJsonSchema,
} from '@banyan/contract';
import { type Html, html } from '@banyan/core';
import { apiPageStyle } from './api-page-style.ts';
import { curlLine } from './curl-line.ts';
import type { ExposedRoute } from './exposure.ts';
import type { Format } from './formats/format.ts';
import type { Access } from './policy.ts';
import { type SchemaRow, schemaRows } from './schema-rows.ts';

export interface ApiPageOptions {
  readonly title: string;
  readonly description: string | undefined;
  readonly routes: readonly ExposedRoute[];
  /** What answers may look like unless a route says otherwise; undefined: JSON. */
  readonly formats: readonly Format[] | undefined;
  /** Where the reader reached the gateway, such as `http://localhost:8080`. */
  readonly origin: string;
}

/** A page that describes every exposed operation; complete without scripts or other files. */
export function renderApiPage({ title, description, routes, formats, origin }: ApiPageOptions): string {
  const groups = [...Map.groupBy(routes, (route) => route.contract).entries()];
  const style: Html = { markup: `<style>${apiPageStyle}</style>` };
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} API</title>
${style}
</head>
<body>
<header>
<a class="skip" href="#operations">Skip to the operations</a>
<h1>${title} API</h1>
${description === undefined ? undefined : html`<p>${description}</p>`}
<p class="soft">${formatWords(formats)} over HTTP. Errors are <a href="https://www.rfc-editor.org/rfc/rfc9457">problem details</a> with a stable
<code>reason</code>. For tools: <a href="/openapi.json">OpenAPI document</a>.</p>
</header>
<nav aria-label="Operations">
${groups.map(([contract, members]) => html`<h2>${contract.name}</h2><ul>${members.map(navItem)}</ul>`)}
</nav>
<main id="operations">
${groups.map(
  ([contract, members]) => html`<section aria-label="${contract.name}">
<h2>${contract.name} <span class="badge">version ${contract.version}</span></h2>
${contract.description === undefined ? undefined : html`<p>${contract.description}</p>`}
${members.map((route) => article(route, origin))}
</section>`,
)}
</main>
<footer class="soft">Made from the contracts of the running system.</footer>
</body>
</html>
`.markup;
}

function formatWords(formats: readonly Format[] = ['json']): string {
  const words = formats.map((format) => ({ json: 'JSON', xml: 'XML', text: 'plain text' })[format]);
  return words.length === 1 ? String(words[0]) : `${words.join(' or ')} by Accept,`;
}

function navItem({ operation }: ExposedRoute): Html {
  return html`<li><a href="#${anchorOf(operation)}"><span class="method">${operation.method}</span><code>${operation.path}</code></a></li>
`;
}

function article({ operation, policy }: ExposedRoute, origin: string): Html {
  return html`<article id="${anchorOf(operation)}" aria-label="${operation.method} ${operation.path}">
<h3><span class="method">${operation.method}</span><code>${operation.path}</code></h3>
<p>${operation.summary ?? operation.name} <span class="badge">${accessWords(policy.access)}</span></p>
${operation.description === undefined ? undefined : html`<p>${operation.description}</p>`}
${inputPart(operation)}
${outputPart(operation)}
${refusalPart(operation)}
<h4>Example</h4>
<pre tabindex="0" aria-label="curl command"><code>${curlLine(operation, origin, policy.access !== 'anyone')}</code></pre>
</article>
`;
}

function inputPart(operation: Operation): Html {
  const rows = schemaRows(toJsonSchema(operation.input, 'input'));
  const inPath = rows.filter((row) => operation.pathNames.includes(topName(row)));
  const inHeaders = rows.filter((row) => Object.hasOwn(operation.headers, topName(row)));
  const rest = rows.filter((row) => !inPath.includes(row) && !inHeaders.includes(row));
  const place = takesJsonBody(operation) ? 'JSON body' : 'Query';
  return html`${inPath.length === 0 ? undefined : html`<h4>Path</h4>${table(inPath)}`}
${rest.length === 0 ? undefined : html`<h4>${place}</h4>${table(rest)}`}
${inHeaders.length === 0 ? undefined : html`<h4>Headers</h4>${table(inHeaders.map((row) => ({ ...row, path: operation.headers[topName(row)] ?? row.path })))}`}
${operation.upload === undefined ? undefined : html`<h4>Body</h4><p>${binaryWords(operation.upload)}</p>`}`;
}

function outputPart(operation: Operation): Html {
  const { output, status } = operation;
  const location =
    operation.location === undefined
      ? undefined
      : html`<p><code>Location</code> names the new resource: <code>${operation.location}</code></p>`;
  const body = status === 204 ? undefined : outputBody(output);
  return html`<h4>Answer ${status}</h4>${location}${body}`;
}

function outputBody(output: Schema | Binary): Html | undefined {
  if (isBinary(output)) return html`<p>${binaryWords(output)}</p>`;
  const rows = schemaRows(toJsonSchema(output, 'output'));
  return rows.length === 0 ? html`<p>An empty object.</p>` : table(rows);
}

function refusalPart({ errors }: Operation): Html | undefined {
  const declared = Object.entries(errors);
  if (declared.length === 0) return undefined;
  const rows = declared.map(([reason, { status, description, data }]) => {
    const details = data === undefined ? [] : schemaRows(toJsonSchema(data, 'output'));
    return html`<tr><td><code>${reason}</code></td><td>${status}</td><td>${description ?? ''}${details.map(
      (row) => html`<br><code>${row.path === '' ? 'details' : `details.${row.path}`}</code> ${row.type}`,
    )}</td></tr>`;
  });
  return html`<h4>Refusals</h4><table><thead><tr><th scope="col">Reason</th><th scope="col">Status</th><th scope="col">Meaning</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function table(rows: readonly SchemaRow[]): Html {
  return html`<table><thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Notes</th></tr></thead><tbody>${rows.map(
    ({ path, type, required, notes }) =>
      html`<tr><td><code>${path === '' ? 'value' : path}</code></td><td>${type}${required ? undefined : html` <span class="soft">(optional)</span>`}</td><td>${notes}</td></tr>`,
  )}</tbody></table>`;
}

function topName(row: SchemaRow): string {
  return row.path.split(/[.[]/, 1)[0] ?? '';
}

function anchorOf(operation: Operation): string {
  return `${operation.service}.${operation.name}`;
}

function accessWords(access: Access): string {
  if (access === 'anyone') return 'anyone';
  return access === 'user' ? 'signed-in user' : `signed-in user with scope ${access.scope}`;
}

function binaryWords({ types, maxBytes }: Binary): string {
  const size = maxBytes >= 1_048_576 ? `${Math.floor(maxBytes / 104_857.6) / 10} MiB` : `${maxBytes} bytes`;
  return `${types.join(', ')}; at most ${size}`;
}
