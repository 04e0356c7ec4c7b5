import { createHash } from 'node:crypto';
import type { PageResponse } from '../vocabulary/page.ts';

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f4f1ea, #1b1a17); color: light-dark(#26221b, #eee8dc); }
main { width: min(22rem, 100% - 2rem); padding: 2rem; border-radius: .75rem; box-sizing: border-box; background: light-dark(#fff, #292721); box-shadow: 0 .25rem 1.5rem #0002; }
h1 { margin: 0 0 1.25rem; font-size: 1.5rem; }
label { display: block; margin-bottom: 1rem; font-weight: 600; }
input { display: block; width: 100%; box-sizing: border-box; margin-top: .25rem; padding: .6rem .75rem; font: inherit; border: 1px solid light-dark(#857c6b, #968c79); border-radius: .4rem; background: transparent; color: inherit; }
button { width: 100%; padding: .7rem; font: inherit; font-weight: 600; border: 0; border-radius: .4rem; background: light-dark(#7a3b12, #f0b488); color: light-dark(#fff, #26160a); cursor: pointer; }
:focus-visible { outline: 3px solid light-dark(#1f6feb, #79b8ff); outline-offset: 2px; }
.bad { margin: 0 0 1rem; padding: .6rem .75rem; border-radius: .4rem; background: light-dark(#fde7e4, #4a1d17); color: light-dark(#8c1d0d, #ffc9c0); }
`;
const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** The same whatever was wrong, so that nobody learns which names exist. */
export function loginPage({ isBad }: { readonly isBad: boolean }): PageResponse {
  const notice = isBad ? '<p class="bad" role="alert">Bad Credentials</p>' : '';
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · Books</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>Sign in to Books</h1>
${notice}
<form method="post" action="/login">
<label>Name <input name="name" autocomplete="username" autocapitalize="none" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
</main>
</body>
</html>
`;
  return {
    status: isBad ? 401 : 200,
    headers: [
      ['content-type', 'text/html; charset=utf-8'],
      ['content-security-policy', policy],
      ['cache-control', 'no-store'],
    ],
    body,
  };
}
