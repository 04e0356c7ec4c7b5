export {
  type Authority,
  type AuthorityOptions,
  type Credentials,
  createAuthority,
} from './certificates/authority.ts';
export { type CertificateFilesOptions, readServiceCertificates } from './certificates/certificate-files.ts';
export {
  createServiceCertificates,
  type ServiceCertificates,
  type ServiceCertificatesOptions,
} from './certificates/service-certificates.ts';
export { authErrors } from './errors.ts';
export { createExpiringCache, type ExpiringCache } from './expiring-cache.ts';
export {
  createServiceTokens,
  type ServiceIdentity,
  type ServiceTokens,
  type ServiceTokensOptions,
} from './service-tokens.ts';
export { generateSystemKey, isSystemKey } from './system-key.ts';
export {
  createUserTokenSigner,
  generateUserKey,
  type SignedUserToken,
  type UserTokenSigner,
  type UserTokenSignerOptions,
} from './user-token-signer.ts';
export {
  createUserTokenVerifier,
  type IssuerKeys,
  type TokenNames,
  type UserTokenVerifier,
  type UserTokenVerifierOptions,
  type VerifiedUser,
} from './user-token-verifier.ts';
