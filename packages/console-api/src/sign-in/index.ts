export { type ConsoleSignIn, createOidcSignIn, type OidcSignInOptions } from './oidc-sign-in.ts';
